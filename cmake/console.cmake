# The files of the web console and the licences become part of the program: add_embedded_files(<target>).
function(add_embedded_files target)
  file(GLOB_RECURSE names CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/src/http
       ${CMAKE_SOURCE_DIR}/src/http/console/*)
  list(APPEND names licenses.txt)
  list(SORT names)
  set(files ${names})
  list(TRANSFORM files PREPEND ${CMAKE_SOURCE_DIR}/src/http/)
  set(pairs "")
  foreach(name file IN ZIP_LISTS names files)
    list(APPEND pairs "${name}=${file}")
  endforeach()
  set(out ${CMAKE_BINARY_DIR}/embedded_files.cc)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -D "OUT=${out}" -D "FILES=${pairs}"
            -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    COMMENT "Embedding the console's files"
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
