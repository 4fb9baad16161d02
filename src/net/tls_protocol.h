#pragma once

#include <openssl/types.h>

#include <string_view>

namespace rqlite::net {

// What ALPN offers, each name with its length before it.
inline constexpr std::string_view kTlsProtocols = "\x08http/1.1";

// What holds for all our sessions, on either side: TLS 1.2 or 1.3, with ciphers that give forward
// secrecy, and in the way that TlsSession needs it.
void set_tls_protocol(SSL_CTX& context);

}  // namespace rqlite::net
