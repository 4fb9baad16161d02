#include "net/pem.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <climits>

#include "base/check.h"

namespace rqlite::net {
namespace {

bool is_end_of_pem() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

// The server asks nobody at a terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
Bio bio_of(BytesView text) {
  CHECK(text.size() <= INT_MAX);
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free_all);
  CHECK(bio != nullptr);
  return bio;
}

}  // namespace

Status openssl_failed(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return {Code::kInvalid, what + ": " + (reason == nullptr ? "unknown error" : reason)};
}

Result<std::vector<std::shared_ptr<X509>>> read_certificates(BytesView text) {
  std::vector<std::shared_ptr<X509>> certificates;
  const Bio bio = bio_of(text);
  ERR_clear_error();
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
    certificates.emplace_back(next, X509_free);
  }
  if (!is_end_of_pem()) {
    return openssl_failed("certificate " + std::to_string(certificates.size() + 1));
  }
  return certificates;
}

Result<std::shared_ptr<EVP_PKEY>> read_key(BytesView text) {
  const Bio bio = bio_of(text);
  ERR_clear_error();
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr),
                                EVP_PKEY_free);
  if (key) return key;
  if (text.find("ENCRYPTED") != BytesView::npos) {
    return Status(Code::kInvalid,
                  "it is encrypted, and a server has nobody to ask for a passphrase");
  }
  if (text.find("PRIVATE KEY-----") == BytesView::npos) {
    return Status(Code::kInvalid, "there is no private key in PEM form in it");
  }
  return openssl_failed("the private key cannot be read");
}

}  // namespace rqlite::net
