#include "net/tls_context.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <climits>
#include <ctime>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "net/common_name.h"

namespace rqlite::net {

using namespace std::chrono_literals;

namespace {

// At most one line about failed handshakes in this time: anybody can make them fail.
constexpr auto kFailureLogEvery = 1s;

// Those of TLS 1.2. All give forward secrecy; the last few are for clients of old systems.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL";

// What ALPN offers, each name with its length before it.
constexpr unsigned char kProtocols[] = "\x08http/1.1";

using Store = std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Status invalid(std::string text) { return {Code::kInvalid, std::move(text)}; }

// `what`, and what OpenSSL says about it.
Status openssl_failed(const std::string& what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  return invalid(what + ": " + (reason == nullptr ? "unknown error" : reason));
}

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

// All certificates in `text`, in their order; fails if one of them cannot be read.
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

Result<Key> read_key(BytesView text) {
  const Bio bio = bio_of(text);
  ERR_clear_error();
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
  if (key) return key;
  if (text.find("ENCRYPTED") != BytesView::npos) {
    return invalid("it is encrypted, and a server has nobody to ask for a passphrase");
  }
  if (text.find("PRIVATE KEY-----") == BytesView::npos)
    return invalid("there is no private key in PEM form in it");
  return openssl_failed("the private key cannot be read");
}

WallTime expiry_of(const X509& certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &parts) != 1) return WallTime::max();
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string text_of(WallTime time) {
  const std::time_t at = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&at, &parts);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  unsigned char* common = nullptr;
  if (SSL_select_next_proto(&common, chosen_size, kProtocols, sizeof kProtocols - 1, offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = common;
  return SSL_TLSEXT_ERR_OK;
}

// The context's data is the common name that is required, if one is.
int check_client(int is_good, X509_STORE_CTX* chain) {
  if (is_good != 1 || X509_STORE_CTX_get_error_depth(chain) > 0) return is_good;
  const auto* session = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* wanted =
      static_cast<const std::string*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(session)));
  const X509* certificate = X509_STORE_CTX_get_current_cert(chain);
  if (wanted->empty() || common_name(*certificate) == *wanted) return 1;
  X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

void set_protocol(SSL_CTX& context) {
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
  SSL_CTX_set_alpn_select_cb(&context, choose_protocol, nullptr);
  // Sessions are resumed by tickets, whose keys live as long as the context.
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
}

}  // namespace

TlsContext::TlsContext(Options options, FileSystem& files, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      files_(files, clock, options_.certificate_file, options_.key_file) {}

TlsContext::~TlsContext() = default;

Result<std::unique_ptr<TlsContext>> TlsContext::open(Options options, FileSystem& files,
                                                     const Clock& clock) {
  CHECK(options.common_name.empty() || options.verify_client);
  std::unique_ptr<TlsContext> made(new TlsContext(std::move(options), files, clock));
  RETURN_IF_ERROR(made->read_authorities(files));
  Result<std::optional<CertificateFiles::Texts>> texts = made->files_.read_if_new();
  if (!texts.ok()) return texts.error();
  CHECK(texts->has_value());
  Result<Identity> identity = made->make_identity(**texts);
  if (!identity.ok()) return identity.error();
  if (identity->expires < clock.wall_now()) {
    log(made->options_.component, "the certificate at {} has expired on {}",
        made->options_.certificate_file, text_of(identity->expires));
  }
  made->use(*std::move(identity));
  return made;
}

Status TlsContext::read_authorities(FileSystem& files) {
  if (options_.ca_file.empty()) return {};
  const std::string what =
      "failed to load CA certificate(s) for verification in \"" + options_.ca_file + "\"";
  const Result<Bytes> text = files.read_file(options_.ca_file);
  if (!text.ok()) return text.error().with_context(what);
  Result<std::vector<std::shared_ptr<X509>>> certificates = read_certificates(*text);
  if (!certificates.ok()) return certificates.error().with_context(what);
  if (certificates->empty()) return invalid(what);
  authorities_ = *std::move(certificates);
  return {};
}

Result<TlsContext::Identity> TlsContext::make_identity(const CertificateFiles::Texts& texts) const {
  const std::string& certificate_file = options_.certificate_file;
  const std::string& key_file = options_.key_file;
  Result<std::vector<std::shared_ptr<X509>>> chain = read_certificates(texts.certificate);
  if (!chain.ok()) return chain.error().with_context(certificate_file);
  if (chain->empty())
    return invalid(certificate_file + ": there is no certificate in PEM form in it");
  Result<Key> key = read_key(texts.key);
  if (!key.ok()) return key.error().with_context(key_file);

  Identity identity{{SSL_CTX_new(TLS_server_method()), SSL_CTX_free}, expiry_of(*chain->front())};
  SSL_CTX* context = identity.context.get();
  CHECK(context != nullptr);
  set_protocol(*context);
  ERR_clear_error();
  if (SSL_CTX_use_certificate(context, chain->front().get()) != 1) {
    return openssl_failed(certificate_file);
  }
  for (std::size_t i = 1; i < chain->size(); i++) {
    if (SSL_CTX_add1_chain_cert(context, (*chain)[i].get()) != 1) {
      return openssl_failed(certificate_file);
    }
  }
  if (X509_check_private_key(chain->front().get(), key->get()) != 1) {
    return invalid("the key in " + key_file + " does not belong to the certificate in " +
                   certificate_file);
  }
  if (SSL_CTX_use_PrivateKey(context, key->get()) != 1) return openssl_failed(key_file);
  if (!options_.verify_client) return identity;

  // A session that is resumed would not show its certificate again, however late that is.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 0);
  const Store store(X509_STORE_new(), X509_STORE_free);
  CHECK(store != nullptr);
  // Whoever is in the file is trusted, be it a root or not.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  if (authorities_.empty()) X509_STORE_set_default_paths(store.get());
  for (const auto& authority : authorities_) {
    CHECK(X509_STORE_add_cert(store.get(), authority.get()) == 1);
    CHECK(SSL_CTX_add_client_CA(context, authority.get()) == 1);
  }
  SSL_CTX_set1_verify_cert_store(context, store.get());
  SSL_CTX_set_app_data(context, const_cast<std::string*>(&options_.common_name));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, check_client);
  return identity;
}

std::unique_ptr<TlsSession> TlsContext::new_session(int socket) {
  reload();
  if (options_.on_session) options_.on_session();
  std::shared_ptr<SSL_CTX> context;
  {
    MutexLock lock(mutex_);
    context = identity_.context;
    report_.sessions++;
  }
  return std::make_unique<TlsSession>(*context, socket);
}

void TlsContext::reload() {
  {
    MutexLock lock(mutex_);
    // Somebody is at it; who comes meanwhile gets what there is.
    if (std::exchange(reloading_, true)) return;
  }
  Result<std::optional<CertificateFiles::Texts>> texts = files_.read_if_new();
  if (!texts.ok()) {
    reload_failed(texts.error());
  } else if (texts->has_value()) {
    Result<Identity> identity = make_identity(**texts);
    if (!identity.ok()) {
      reload_failed(identity.error());
    } else {
      log("cert-reloader", "reloading certificate at {} and key at {}", options_.certificate_file,
          options_.key_file);
      use(*std::move(identity));
      MutexLock lock(mutex_);
      report_.reloads++;
    }
  }
  MutexLock lock(mutex_);
  reloading_ = false;
}

void TlsContext::use(Identity identity) {
  MutexLock lock(mutex_);
  std::swap(identity_, identity);
  last_problem_.clear();
}

void TlsContext::reload_failed(const Status& why) {
  {
    MutexLock lock(mutex_);
    if (why.text() == last_problem_) return;
    last_problem_ = why.text();
    report_.failed_reloads++;
  }
  log("cert-reloader",
      "the certificate at {} and the key at {} have changed and cannot be used, so the previous "
      "ones stay in use: {}",
      options_.certificate_file, options_.key_file, why.text());
}

void TlsContext::on_failed_handshake(std::string_view client, std::string_view why) {
  std::uint64_t others = 0;
  {
    MutexLock lock(mutex_);
    report_.failed_handshakes++;
    const TimePoint now = clock_.now();
    if (report_.failed_handshakes > 1 && now < failure_logged_at_ + kFailureLogEvery) {
      failures_not_logged_++;
      return;
    }
    failure_logged_at_ = now;
    others = std::exchange(failures_not_logged_, 0);
  }
  log(options_.component, "TLS handshake with {} failed: {}{}", client, why,
      others == 0 ? ""
                  : " (as did " + std::to_string(others) + " others since the last such line)");
}

TlsContext::Report TlsContext::report() const {
  MutexLock lock(mutex_);
  Report report = report_;
  report.expires = identity_.expires;
  return report;
}

}  // namespace rqlite::net
