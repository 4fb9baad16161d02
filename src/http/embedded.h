#pragma once

#include <span>
#include <string_view>

namespace rqlite::http {

// A file that is part of the program: of the console, or the licences.
struct EmbeddedFile {
  std::string_view name;  // "console/index.html"
  std::string_view content;
};

// All of them, sorted by name. The build makes them from src/http/console and licenses.txt.
std::span<const EmbeddedFile> embedded_files();

}  // namespace rqlite::http
