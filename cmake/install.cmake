# What is installed: the program, its manual page, completions for shells, and the CMake package; and what CPack packs.
include(CMakePackageConfigHelpers)

install(TARGETS fusegen RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Printed by the program itself, from the table of its options.
set(printed man/fusegen.1 bash/fusegen zsh/_fusegen fish/fusegen.fish)
set(places ${CMAKE_INSTALL_MANDIR}/man1 ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
           ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
foreach(file place IN ZIP_LISTS printed places)
  get_filename_component(form ${file} DIRECTORY)
  set(made ${CMAKE_BINARY_DIR}/help/${file})
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/help/${form})
  add_custom_command(OUTPUT ${made} COMMAND fusegen --help=${form} > ${made} DEPENDS fusegen VERBATIM)
  list(APPEND help ${made})
  install(FILES ${made} DESTINATION ${place})
endforeach()
add_custom_target(help_files ALL DEPENDS ${help})

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/fusegen)
set(FG_PROGRAM ${CMAKE_INSTALL_BINDIR}/fusegen)
configure_package_config_file(cmake/fusegenConfig.cmake.in ${CMAKE_BINARY_DIR}/fusegenConfig.cmake INSTALL_DESTINATION ${package}
                              PATH_VARS FG_PROGRAM)
configure_file(cmake/fusegenConfigVersion.cmake.in ${CMAKE_BINARY_DIR}/fusegenConfigVersion.cmake @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/fusegenConfig.cmake ${CMAKE_BINARY_DIR}/fusegenConfigVersion.cmake cmake/fusegen.cmake
        DESTINATION ${package})
install(FILES README.md LICENSE docs/interface.md docs/report.md docs/operators.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fusegen)
set(CPACK_PACKAGE_CONTACT "fusegen developers <fusegen@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Ahead-of-time compiler from ONNX networks to plain C")
set(CPACK_PACKAGE_DESCRIPTION "Reads an ONNX model, fuses its graph and writes plain C without a runtime, a heap or threads,
 checked against a reference interpreter before the file is handed over.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS tcc) # libtcc compiles with its headers
set(CPACK_STRIP_FILES ON)
include(CPack)
