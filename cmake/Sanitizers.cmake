# -DSCORECAM_SANITIZE=address,undefined builds everything with these sanitizers.
set(SCORECAM_SANITIZE "" CACHE STRING "Sanitizers to compile with, as in -fsanitize=")
if(SCORECAM_SANITIZE)
  add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-fsanitize=${SCORECAM_SANITIZE}>
    $<$<COMPILE_LANGUAGE:C,CXX>:-fno-sanitize-recover=all> $<$<COMPILE_LANGUAGE:C,CXX>:-fno-omit-frame-pointer>)
  add_link_options(-fsanitize=${SCORECAM_SANITIZE})
endif()
