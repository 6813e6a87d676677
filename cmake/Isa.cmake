# Which files of kernels this architecture has, and what each is compiled with.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(SCORECAM_ISA_NAMES baseline avx2 avx512 avx512bf16)
  set(SCORECAM_FLAGS_baseline "")
  set(SCORECAM_FLAGS_avx2 -mavx2 -mfma -mf16c)
  # Without a preferred width compilers take 256 bits for what they vectorise themselves.
  set(SCORECAM_FLAGS_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c -mprefer-vector-width=512)
  set(SCORECAM_FLAGS_avx512bf16 ${SCORECAM_FLAGS_avx512} -mavx512bf16)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
  set(SCORECAM_ISA_NAMES neon)
  set(SCORECAM_FLAGS_neon "")
else()
  set(SCORECAM_ISA_NAMES baseline)
  set(SCORECAM_FLAGS_baseline "")
endif()

if(MINGW AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # On Windows GCC keeps vectors on a stack that is aligned to 16 bytes alone (its bug 54412), so none may be moved as if
  # it were aligned to 32 or 64.
  foreach(isa avx2 avx512 avx512bf16)
    list(APPEND SCORECAM_FLAGS_${isa} -Wa,-muse-unaligned-vector-move)
  endforeach()
endif()

# Adds the kernels of every instruction set to a target.
function(scorecam_add_kernels target directory)
  foreach(isa IN LISTS SCORECAM_ISA_NAMES)
    set(file ${directory}/kernels_${isa}.cpp)
    target_sources(${target} PRIVATE ${file})
    set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "${SCORECAM_FLAGS_${isa}}")
  endforeach()
endfunction()
