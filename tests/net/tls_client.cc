#include "net/tls_client.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/check.h"
#include "net/common_name.h"

namespace rqlite::net {

TlsClient::TlsClient(int socket, const Options& options)
    : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
  SSL_CTX* context = context_.get();
  if (options.version != 0) {
    SSL_CTX_set_min_proto_version(context, options.version);
    SSL_CTX_set_max_proto_version(context, options.version);
    // Or it would not speak the old ones at all.
    SSL_CTX_set_security_level(context, 0);
  }
  if (!options.authority.empty()) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate_of(options.authority).get());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (options.identity) {
    SSL_CTX_use_certificate(context, certificate_of(options.identity->certificate).get());
    const std::string& pem = options.identity->key;
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    CHECK(SSL_CTX_use_PrivateKey(context, key) == 1);
    EVP_PKEY_free(key);
    BIO_free(bio);
  }
  session_ = {SSL_new(context), SSL_free};
  if (!options.protocols.empty()) {
    SSL_set_alpn_protos(session_.get(),
                        reinterpret_cast<const unsigned char*>(options.protocols.data()),
                        static_cast<unsigned>(options.protocols.size()));
  }
  SSL_set_fd(session_.get(), socket);
  SSL_set_connect_state(session_.get());
}

TlsClient::Outcome TlsClient::handshake() {
  ERR_clear_error();
  return outcome_of(SSL_do_handshake(session_.get()));
}

TlsClient::Outcome TlsClient::read(char* to, std::size_t size, std::size_t& got) {
  ERR_clear_error();
  return outcome_of(SSL_read_ex(session_.get(), to, size, &got));
}

TlsClient::Outcome TlsClient::write(std::string_view bytes) {
  ERR_clear_error();
  std::size_t written = 0;
  return outcome_of(SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &written));
}

TlsClient::Outcome TlsClient::say_end() {
  ERR_clear_error();
  const int result = SSL_shutdown(session_.get());
  return result >= 0 ? Outcome::kDone : outcome_of(result);
}

std::string TlsClient::server_name() const {
  X509* certificate = SSL_get1_peer_certificate(session_.get());
  if (certificate == nullptr) return "";
  std::string name = common_name(*certificate).value_or("");
  X509_free(certificate);
  return name;
}

std::string TlsClient::version() const { return SSL_get_version(session_.get()); }

std::string TlsClient::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(session_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

bool TlsClient::was_resumed() const { return SSL_session_reused(session_.get()) == 1; }

std::shared_ptr<SSL_SESSION> TlsClient::ticket() const {
  std::shared_ptr<SSL_SESSION> ticket(SSL_get1_session(session_.get()), SSL_SESSION_free);
  return ticket && SSL_SESSION_is_resumable(ticket.get()) == 1 ? ticket : nullptr;
}

void TlsClient::resume(SSL_SESSION& ticket) { SSL_set_session(session_.get(), &ticket); }

TlsClient::Outcome TlsClient::outcome_of(int result) {
  if (result > 0) return Outcome::kDone;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return Outcome::kAgain;
    case SSL_ERROR_ZERO_RETURN:
      return Outcome::kEnd;
    default:
      return Outcome::kFailed;
  }
}

}  // namespace rqlite::net
