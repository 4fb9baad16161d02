#include "net/tls_authorities.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <utility>

#include "base/check.h"
#include "net/pem.h"

namespace rqlite::net {

Result<TlsAuthorities> TlsAuthorities::read(const std::string& file, FileSystem& files) {
  TlsAuthorities made;
  if (file.empty()) return made;
  const std::string what = "failed to load CA certificate(s) for verification in \"" + file + "\"";
  const Result<Bytes> text = files.read_file(file);
  if (!text.ok()) return text.error().with_context(what);
  Result<std::vector<std::shared_ptr<X509>>> certificates = read_certificates(*text);
  if (!certificates.ok()) return certificates.error().with_context(what);
  if (certificates->empty()) return Status(Code::kInvalid, what);
  made.certificates_ = *std::move(certificates);
  return made;
}

void TlsAuthorities::set_trust(SSL_CTX& context) const {
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(),
                                                                      X509_STORE_free);
  CHECK(store != nullptr);
  // Whoever is in the file is trusted, be it a root or not.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  if (certificates_.empty()) X509_STORE_set_default_paths(store.get());
  for (const auto& each : certificates_) {
    CHECK(X509_STORE_add_cert(store.get(), each.get()) == 1);
  }
  SSL_CTX_set1_verify_cert_store(&context, store.get());
}

void TlsAuthorities::set_wanted(SSL_CTX& context) const {
  for (const auto& each : certificates_) CHECK(SSL_CTX_add_client_CA(&context, each.get()) == 1);
}

}  // namespace rqlite::net
