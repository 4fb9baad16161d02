add_custom_target(unit_tests)

# rqlite_room(<name> [ROOMS <room>...] [LIBRARIES <target>...])
#
# Makes the library room_<name> of src/<name>, and of tests/<name>/*_test.cc the program
# <name>_test, which `ctest` runs and the target unit_tests builds. ROOMS are the rooms it may include; a test holds
# the #include lines against ARCHITECTURE.md.
function(rqlite_room name)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  list(TRANSFORM ROOM_ROOMS PREPEND room_)
  add_library(room_${name} STATIC ${sources})
  target_include_directories(room_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_include_directories(room_${name} SYSTEM PUBLIC ${PROTOZERO_INCLUDE_DIR})
  target_link_libraries(room_${name} PUBLIC ${ROOM_ROOMS} ${ROOM_LIBRARIES})

  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*.cc)
  if(RQLITE_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_include_directories(${name}_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_link_libraries(${name}_test PRIVATE room_${name} fakes GTest::gtest GTest::gmock GTest::gtest_main)
    add_test(NAME ${name}_test COMMAND ${name}_test)
    add_dependencies(unit_tests ${name}_test)
    set_tests_properties(${name}_test PROPERTIES TIMEOUT 900)
  endif()
endfunction()
