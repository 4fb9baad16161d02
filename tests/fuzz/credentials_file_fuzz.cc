// A file of users, their passwords and what they may do.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "http/credentials_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto entries = rqlite::http::parse_credentials_file(text);
  if (!entries.ok()) {
    CHECK(entries.error().code() == rqlite::Code::kInvalid && !entries.error().text().empty());
    return 0;
  }
  for (const auto& entry : *entries) {
    CHECK(!entry.user.empty());
    CHECK(entry.permissions.without(rqlite::http::Permissions::all()).empty());
  }
  return 0;
}
