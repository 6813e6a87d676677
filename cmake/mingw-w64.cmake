# Cross-compiles for 64-bit Windows: cmake -S native -DCMAKE_TOOLCHAIN_FILE=$PWD/cmake/mingw-w64.cmake; tests run under
# Wine, if there is one.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
# The variant with C++ threads, which std::mutex needs.
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-posix)
set(CMAKE_CXX_COMPILER x86_64-w64-mingw32-g++-posix)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
find_program(SCORECAM_WINE NAMES wine wine64)
if(SCORECAM_WINE)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${SCORECAM_WINE})
endif()
