# The consensus engine: a static library that cargo builds from src/raft/core and its lock file.
# Cargo builds it once for all presets, because the crate holds no code of ours worth sanitizing. Each
# has a copy of its own, or the first build of one would make what another has linked stale.
set(CARGO_VERSION_MIN 1.85)

# An old cargo may stand before a new one on the PATH, as Debian's does before or behind rustup's.
function(cargo_is_new_enough result candidate)
  execute_process(COMMAND ${candidate} --version OUTPUT_VARIABLE version ERROR_QUIET)
  if(NOT version MATCHES "^cargo ([0-9.]+)" OR CMAKE_MATCH_1 VERSION_LESS CARGO_VERSION_MIN)
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()
find_program(CARGO cargo VALIDATOR cargo_is_new_enough)
if(NOT CARGO)
  message(FATAL_ERROR "No cargo ${CARGO_VERSION_MIN} or newer found; scripts/setup installs Debian's.")
endif()
# The compiler that belongs to it: cargo alone would take the first rustc on the PATH.
cmake_path(GET CARGO PARENT_PATH CARGO_BIN_DIR)
find_program(RUSTC rustc HINTS ${CARGO_BIN_DIR} REQUIRED)

set(RAFT_CORE_TARGET_DIR ${CMAKE_SOURCE_DIR}/build/raft_core)
set(RAFT_CORE_LIBRARY ${CMAKE_BINARY_DIR}/libraft_core.a)
file(GLOB RAFT_CORE_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/raft/core/src/*.rs)

add_custom_command(
  OUTPUT ${RAFT_CORE_LIBRARY}
  COMMAND ${CMAKE_COMMAND} -E env RUSTC=${RUSTC} ${CARGO} build --release --locked --quiet --target-dir ${RAFT_CORE_TARGET_DIR}
  COMMAND ${CMAKE_COMMAND} -E copy ${RAFT_CORE_TARGET_DIR}/release/libraft_core.a ${RAFT_CORE_LIBRARY}
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
