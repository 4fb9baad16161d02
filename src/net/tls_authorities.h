#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/result.h"

namespace rqlite::net {

// Who may have issued the certificates that are to be trusted: those in a file, or whom the system
// trusts.
class TlsAuthorities {
 public:
  // Whom the system trusts.
  TlsAuthorities() = default;
  // Those in the file, be they roots or not; an empty name stands for the system's. Fails if there
  // is none in it.
  static Result<TlsAuthorities> read(const std::string& file, FileSystem& files);

  // From now on `context` verifies certificates by them.
  void set_trust(SSL_CTX& context) const;
  // Tells clients whose certificates are wanted, where that is known.
  void set_wanted(SSL_CTX& context) const;

 private:
  std::vector<std::shared_ptr<X509>> certificates_;  // none: the system's
};

}  // namespace rqlite::net
