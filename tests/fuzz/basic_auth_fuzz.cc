// The value of an Authorization header.
#include <cstddef>
#include <cstdint>

#include "base/base64.h"
#include "base/check.h"
#include "http/basic_auth.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  const auto login = rqlite::http::parse_basic_auth(header);
  if (!login) return 0;
  CHECK(!login->user.empty() && login->user.find(':') == std::string::npos);
  // Only one text stands for a login.
  rqlite::Bytes encoded;
  rqlite::http::append_base64(encoded, login->user + ":" + login->password);
  CHECK(header.substr(6) == encoded);
  return 0;
}
