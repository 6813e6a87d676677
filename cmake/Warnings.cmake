# The warnings that all of our own code compiles without.
add_library(scorecam_warnings INTERFACE)
target_compile_options(scorecam_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:C,CXX>:-Wall;-Wextra;-Wconversion;-Wno-sign-conversion;-Werror>
  # nvcc passes host code through a generated file, which pedantic warnings are not about.
  $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xcompiler=-Wall,-Wextra,-Werror>)
