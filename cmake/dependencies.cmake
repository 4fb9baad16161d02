# Everything comes from Debian's packages; scripts/setup installs them.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(simdjson REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost 1.81 REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(XCRYPT REQUIRED IMPORTED_TARGET libxcrypt)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)

find_path(PROTOZERO_INCLUDE_DIR protozero/pbf_reader.hpp REQUIRED)

if(RQLITE_SQLITE_AMALGAMATION)
  # Its own source of chance gives way to src/sqlite/randomness.cc, as it does in a shared library.
  file(READ ${RQLITE_SQLITE_AMALGAMATION}/sqlite3.c SQLITE_SOURCE)
  string(REPLACE "SQLITE_API void sqlite3_randomness(int N, void *pBuf){"
    "SQLITE_API void sqlite3_own_randomness(int N, void *pBuf){" SQLITE_PATCHED "${SQLITE_SOURCE}")
  if(SQLITE_PATCHED STREQUAL SQLITE_SOURCE)
    message(FATAL_ERROR "${RQLITE_SQLITE_AMALGAMATION}/sqlite3.c has no sqlite3_randomness() to replace")
  endif()
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/sqlite3.c "${SQLITE_PATCHED}")
  add_library(sqlite3 STATIC ${CMAKE_CURRENT_BINARY_DIR}/sqlite3.c)
  target_include_directories(sqlite3 SYSTEM PUBLIC ${RQLITE_SQLITE_AMALGAMATION})
  # What Debian's own build switches on and our users see.
  target_compile_definitions(sqlite3 PRIVATE
    SQLITE_ENABLE_FTS3 SQLITE_ENABLE_FTS3_PARENTHESIS SQLITE_ENABLE_FTS4 SQLITE_ENABLE_FTS5
    SQLITE_ENABLE_RTREE SQLITE_ENABLE_GEOPOLY SQLITE_ENABLE_DBSTAT_VTAB SQLITE_ENABLE_PREUPDATE_HOOK
    SQLITE_ENABLE_SESSION SQLITE_THREADSAFE=1 SQLITE_DEFAULT_WAL_SYNCHRONOUS=1)
  target_compile_definitions(sqlite3 PUBLIC SQLITE_ENABLE_COLUMN_METADATA)
  target_compile_options(sqlite3 PRIVATE -w)
  target_link_libraries(sqlite3 PUBLIC Threads::Threads ${CMAKE_DL_LIBS} m)
  # Extensions may call functions of SQLite by name, as they may those of a shared library.
  set(CMAKE_ENABLE_EXPORTS ON)
else()
  pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.40)
  add_library(sqlite3 INTERFACE)
  target_link_libraries(sqlite3 INTERFACE PkgConfig::SQLITE)
endif()

if(RQLITE_TESTS)
  find_package(GTest REQUIRED)
endif()
