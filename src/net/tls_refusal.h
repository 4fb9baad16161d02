#pragma once

#include <openssl/types.h>

#include <string>

namespace rqlite::net {

// Why a TLS session failed, in a few words: OpenSSL's, and on a client's side those that users of
// rqlite know.
class TlsRefusal {
 public:
  TlsRefusal() = default;
  TlsRefusal(const TlsRefusal&) = delete;
  TlsRefusal& operator=(const TlsRefusal&) = delete;

  // Notes what is wrong with the server's certificate, which is to be good for `server_name`. It
  // must outlive `session`, which is a client's before its handshake.
  void watch(SSL& session, const std::string& server_name);
  // After a step of `session` has failed.
  [[nodiscard]] std::string text(const SSL& session) const;

 private:
  static int on_verified(int is_good, X509_STORE_CTX* chain);

  std::string server_name_;
  std::string certificate_;  // what is wrong with it
};

}  // namespace rqlite::net
