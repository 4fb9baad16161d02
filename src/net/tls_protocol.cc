#include "net/tls_protocol.h"

#include <openssl/ssl.h>

#include "base/check.h"

namespace rqlite::net {
namespace {

// Those of TLS 1.2. All give forward secrecy; the last few are for clients of old systems.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL";

}  // namespace

void set_tls_protocol(SSL_CTX& context) {
  CHECK(SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION) == 1);
  CHECK(SSL_CTX_set_cipher_list(&context, kCiphers) == 1);
  SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // A chain is what the file says, not what could be found. Idle sessions hold no buffers.
  SSL_CTX_set_mode(&context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS |
                                 SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One call of the system for a record, not one for its head and one for its body.
  SSL_CTX_set_read_ahead(&context, 1);
  // Sessions are resumed by tickets, whose keys live as long as the context.
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
}

}  // namespace rqlite::net
