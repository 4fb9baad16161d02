#pragma once

#include <openssl/types.h>

#include <array>
#include <memory>

#include "http/login.h"

namespace rqlite::http {

// HMAC-SHA-256 of logins under a random key of its own, which nobody else ever sees: so a digest
// tells nothing about its login, not even to those who could try all likely passwords, and all
// digests are of one length. Thread-safe.
class KeyedDigest {
 public:
  using Digest = std::array<unsigned char, 32>;

  KeyedDigest();

  [[nodiscard]] Digest of(const Login& login) const;

  // In a time that does not depend on where the two differ.
  static bool equal(const Digest& one, const Digest& other) noexcept;

 private:
  struct Free {
    void operator()(EVP_MAC_CTX* context) const noexcept;
  };
  using Context = std::unique_ptr<EVP_MAC_CTX, Free>;

  // Holds the key. Each digest begins with a copy: a third of the time that looking up the
  // algorithm and setting the key would take, and without its lock.
  Context keyed_;
};

}  // namespace rqlite::http
