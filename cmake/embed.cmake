# cmake -D OUT=<file.cc> -D FILES=<name=path;...> -P embed.cmake
#
# Writes a source file that holds the content of each file under its name, for src/http/embedded.h.
set(arrays "")
set(table "")
set(count 0)
foreach(file IN LISTS FILES)
  string(REGEX MATCH "^([^=]+)=(.*)$" _ "${file}")
  set(name "${CMAKE_MATCH_1}")
  file(READ "${CMAKE_MATCH_2}" hex HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "constexpr unsigned char kFile${count}[] = {\n${bytes}0};\n\n")
  string(APPEND table "    {\"${name}\", view(kFile${count}, sizeof kFile${count} - 1)},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE "${OUT}" "#include \"http/embedded.h\"

#include <array>
#include <cstddef>

namespace rqlite::http {
namespace {

${arrays}std::string_view view(const unsigned char* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

std::span<const EmbeddedFile> embedded_files() {
  static const std::array<EmbeddedFile, ${count}> kFiles{{
${table}  }};
  return kFiles;
}

}  // namespace rqlite::http
")
