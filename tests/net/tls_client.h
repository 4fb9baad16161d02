#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/certificates.h"

namespace rqlite::net {

// A client's side of TLS on a connected socket, blocking if the socket is.
class TlsClient {
 public:
  struct Options {
    std::string authority;  // PEM: who may have issued the server's certificate; empty: anybody
    std::optional<PemPair> identity;
    int version = 0;        // the only one it speaks; 0: all there are
    std::string protocols;  // for ALPN, each with its length before it
  };

  TlsClient(int socket, const Options& options);

  enum class Outcome { kDone, kAgain, kEnd, kFailed };
  Outcome handshake();
  // `got` is how much, if it is done.
  Outcome read(char* to, std::size_t size, std::size_t& got);
  // All of it, or not at all.
  Outcome write(std::string_view bytes);
  Outcome say_end();

  // After the handshake.
  [[nodiscard]] std::string server_name() const;  // the common name of its certificate
  [[nodiscard]] std::string version() const;
  [[nodiscard]] std::string protocol() const;  // that was chosen
  [[nodiscard]] bool was_resumed() const;
  // What a later client may continue; null if the server gave nothing to do so.
  [[nodiscard]] std::shared_ptr<SSL_SESSION> ticket() const;
  void resume(SSL_SESSION& ticket);

 private:
  Outcome outcome_of(int result);

  std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<SSL> session_;
};

}  // namespace rqlite::net
