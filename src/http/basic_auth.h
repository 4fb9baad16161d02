#pragma once

#include <optional>
#include <string_view>

#include "http/login.h"

namespace rqlite::http {

// The login that the value of an Authorization header holds: "Basic ", the scheme in any case and
// one blank, then user:password in padded base64. The user ends at the first colon, so only a
// password may hold some. Nothing if the value has another form, or if nobody is named: a request
// whose login makes no sense is a request without one.
std::optional<Login> parse_basic_auth(std::string_view header);

}  // namespace rqlite::http
