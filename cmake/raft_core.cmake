# The consensus engine: a static library that cargo builds from src/raft/core and its lock file.
# One build serves all presets, because the crate holds no code of ours worth sanitizing.
find_program(CARGO cargo REQUIRED)

set(RAFT_CORE_TARGET_DIR ${CMAKE_SOURCE_DIR}/build/raft_core)
set(RAFT_CORE_LIBRARY ${RAFT_CORE_TARGET_DIR}/release/libraft_core.a)
file(GLOB RAFT_CORE_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/raft/core/src/*.rs)

add_custom_command(
  OUTPUT ${RAFT_CORE_LIBRARY}
  COMMAND ${CARGO} build --release --locked --quiet --target-dir ${RAFT_CORE_TARGET_DIR}
  # An unchanged library keeps its time, which would make it stale for ever.
  COMMAND ${CMAKE_COMMAND} -E touch ${RAFT_CORE_LIBRARY}
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/src/raft/core
  DEPENDS ${RAFT_CORE_SOURCES} ${CMAKE_SOURCE_DIR}/src/raft/core/Cargo.toml
          ${CMAKE_SOURCE_DIR}/src/raft/core/Cargo.lock
  COMMENT "Building the consensus core with cargo"
  USES_TERMINAL VERBATIM)
add_custom_target(raft_core_build DEPENDS ${RAFT_CORE_LIBRARY})

add_library(raft_core STATIC IMPORTED)
set_target_properties(raft_core PROPERTIES IMPORTED_LOCATION ${RAFT_CORE_LIBRARY})
target_link_libraries(raft_core INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m)
add_dependencies(raft_core raft_core_build)
