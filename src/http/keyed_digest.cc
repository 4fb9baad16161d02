#include "http/keyed_digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"

namespace rqlite::http {
namespace {

void update(EVP_MAC_CTX* context, std::string_view bytes) {
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  CHECK(EVP_MAC_update(context, data, bytes.size()) == 1);
}

}  // namespace

void KeyedDigest::Free::operator()(EVP_MAC_CTX* context) const noexcept {
  EVP_MAC_CTX_free(context);
}

KeyedDigest::KeyedDigest() {
  EVP_MAC* algorithm = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  CHECK(algorithm != nullptr);
  keyed_.reset(EVP_MAC_CTX_new(algorithm));
  EVP_MAC_free(algorithm);  // the context holds it too

  std::array<unsigned char, 32> key;
  CHECK(RAND_bytes(key.data(), key.size()) == 1);
  char hash[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, 0),
      OSSL_PARAM_construct_end(),
  };
  CHECK(EVP_MAC_init(keyed_.get(), key.data(), key.size(), parameters) == 1);
  OPENSSL_cleanse(key.data(), key.size());
}

KeyedDigest::Digest KeyedDigest::of(const Login& login) const {
  const Context context(EVP_MAC_CTX_dup(keyed_.get()));
  CHECK(context != nullptr);
  // The length in front keeps "a" with "bc" apart from "ab" with "c".
  const std::uint64_t user_size = login.user.size();
  update(context.get(), {reinterpret_cast<const char*>(&user_size), sizeof user_size});
  update(context.get(), login.user);
  update(context.get(), login.password);
  Digest digest;
  std::size_t size = 0;
  CHECK(EVP_MAC_final(context.get(), digest.data(), &size, digest.size()) == 1);
  CHECK(size == digest.size());
  return digest;
}

bool KeyedDigest::equal(const Digest& one, const Digest& other) noexcept {
  return CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace rqlite::http
