# Models as C in a build. After find_package(fusegen):
#
#     fusegen_add_model(TARGET model.onnx [NAME prefix] [PROFILE target] [FLAGS flag...] [OPTIONS option...]
#                       [DEPENDS file...])
#
# TARGET   a program or library that gets the code; if there is none of that name, a static library is made
# NAME     prefix of the symbols, and stem of the header: model.onnx gives #include "model.h" and model_run()
# PROFILE  what `fusegen --target` takes: a name of `fusegen --list-targets` or a file. By default this machine; it must be
#          given when cross-compiling
# FLAGS    compiler flags for the code, in place of those of the profile
# OPTIONS  anything else that fusegen takes, for instance --dim batch=1 --weights=incbin
#
# DEPENDS  files that OPTIONS names
#
# The code is made again when the model, one of DEPENDS or fusegen itself changes; without a passing check there is none.
function(fusegen_add_model target model)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "NAME;PROFILE" "FLAGS;OPTIONS;DEPENDS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "fusegen_add_model: unknown argument '${arg_UNPARSED_ARGUMENTS}'; see cmake/fusegen.cmake")
  endif()
  get_filename_component(model "${model}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
  if(NOT arg_NAME)
    get_filename_component(arg_NAME "${model}" NAME_WE)
    string(MAKE_C_IDENTIFIER "${arg_NAME}" arg_NAME)
  endif()
  if(NOT arg_PROFILE)
    if(CMAKE_CROSSCOMPILING)
      message(FATAL_ERROR "fusegen_add_model(${target}): this build is for another machine; add PROFILE and a name of "
                          "`fusegen --list-targets`, or a .target file")
    endif()
    set(arg_PROFILE host)
  endif()
  if(NOT DEFINED arg_FLAGS AND CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
    get_target_property(program fusegen::fusegen IMPORTED_LOCATION)
    execute_process(COMMAND "${program}" --target "${arg_PROFILE}" --print-flags OUTPUT_VARIABLE flags
                    OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    if(failed)
      message(FATAL_ERROR "fusegen_add_model(${target}): PROFILE ${arg_PROFILE} cannot be used, see above")
    endif()
    separate_arguments(arg_FLAGS UNIX_COMMAND "${flags}")
  endif()

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/fusegen")
  set(code "${folder}/${arg_NAME}.c")
  set(made "${code}" "${folder}/${arg_NAME}.h")
  if(arg_OPTIONS MATCHES "blob|incbin")
    list(APPEND made "${folder}/${arg_NAME}.weights")
  endif()
  file(MAKE_DIRECTORY "${folder}")
  add_custom_command(
    OUTPUT ${made}
    COMMAND fusegen::fusegen -q "${model}" -o "${code}" --target "${arg_PROFILE}" ${arg_OPTIONS}
    DEPENDS "${model}" ${arg_DEPENDS} fusegen::fusegen
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    COMMENT "Making C of ${model}"
    VERBATIM)
  set_source_files_properties("${code}" PROPERTIES COMPILE_OPTIONS "${arg_FLAGS}")

  if(NOT TARGET ${target})
    add_library(${target} STATIC)
    target_include_directories(${target} INTERFACE "${folder}")
  endif()
  target_sources(${target} PRIVATE ${made})
  target_include_directories(${target} PRIVATE "${folder}")
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    target_link_libraries(${target} PUBLIC m)
  else()
    target_link_libraries(${target} PRIVATE m)
  endif()
endfunction()
