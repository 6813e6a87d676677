# The CUDA library, if there is a compiler for it: code for every generation from Turing to Blackwell that the
# compiler knows, and PTX for those to come.
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(STATUS "No CUDA compiler: scorecam_cuda is not built")
  return()
endif()

if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 75)  # for the compiler check; set below
  set(SCORECAM_CUDA_CHOOSE ON)
endif()
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.1)
  # Kernel arguments beyond 4 KiB came with 12.1.
  message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION} is older than 12.1: scorecam_cuda is not built")
  return()
endif()
if(SCORECAM_CUDA_CHOOSE)
  set(SCORECAM_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real)
  if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.8)
    list(APPEND SCORECAM_CUDA_ARCHITECTURES 90)
  else()
    list(APPEND SCORECAM_CUDA_ARCHITECTURES 90-real 100-real 120)
  endif()
else()
  set(SCORECAM_CUDA_ARCHITECTURES ${CMAKE_CUDA_ARCHITECTURES})
endif()

add_library(scorecam_cuda SHARED
  src/common/checks.cpp
  src/common/request.cpp
  src/cuda/api.cu
  src/cuda/plan.cpp)
target_include_directories(scorecam_cuda PUBLIC include PRIVATE src)
target_link_libraries(scorecam_cuda PRIVATE scorecam_warnings)
set_target_properties(scorecam_cuda PROPERTIES
  CUDA_ARCHITECTURES "${SCORECAM_CUDA_ARCHITECTURES}"
  CUDA_STANDARD 17
  CUDA_RUNTIME_LIBRARY Static
  CUDA_VISIBILITY_PRESET hidden
  LIBRARY_OUTPUT_DIRECTORY "${SCORECAM_CUDA_LIBRARY_DIR}")
# The runtime's own symbols stay inside, apart from those of a LibTorch for CUDA in the same process.
target_link_options(scorecam_cuda PRIVATE $<$<PLATFORM_ID:Linux>:LINKER:--exclude-libs,ALL>)
