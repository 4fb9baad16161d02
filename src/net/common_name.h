#pragma once

#include <openssl/x509.h>

#include <optional>
#include <string>

namespace rqlite::net {

// The common name of a certificate's subject, as UTF-8; if it has several, the most specific, which
// is the last. Nullopt if it has none. May hold any byte, NUL included.
std::optional<std::string> common_name(const X509& certificate);

}  // namespace rqlite::net
