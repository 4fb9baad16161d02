#include "net/tls_context.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "net/common_name.h"
#include "net/tls_protocol.h"

namespace rqlite::net {

using namespace std::chrono_literals;

namespace {

// At most one line about failed handshakes in this time: anybody can make them fail.
constexpr auto kFailureLogEvery = 1s;

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  unsigned char* common = nullptr;
  if (SSL_select_next_proto(&common, chosen_size,
                            reinterpret_cast<const unsigned char*>(kTlsProtocols.data()),
                            static_cast<unsigned>(kTlsProtocols.size()), offered,
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

}  // namespace

TlsContext::TlsContext(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

TlsContext::~TlsContext() = default;

Result<std::unique_ptr<TlsContext>> TlsContext::open(Options options, FileSystem& files,
                                                     const Clock& clock) {
  CHECK(options.common_name.empty() || options.verify_client);
  std::unique_ptr<TlsContext> made(new TlsContext(std::move(options), clock));
  const Options& wanted = made->options_;
  Result<TlsAuthorities> authorities = TlsAuthorities::read(wanted.ca_file, files);
  if (!authorities.ok()) return authorities.error();
  made->authorities_ = *std::move(authorities);
  Result<std::unique_ptr<TlsIdentity>> identity = TlsIdentity::open(
      {wanted.certificate_file, wanted.key_file, wanted.component},
      [made = made.get()] { return made->make(); }, files, clock);
  if (!identity.ok()) return identity.error();
  made->identity_ = *std::move(identity);
  return made;
}

std::shared_ptr<SSL_CTX> TlsContext::make() const {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  CHECK(context != nullptr);
  set_tls_protocol(*context);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  if (!options_.verify_client) return context;

  // A session that is resumed would not show its certificate again, however late that is.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context.get(), 0);
  authorities_.set_trust(*context);
  authorities_.set_wanted(*context);
  SSL_CTX_set_app_data(context.get(), const_cast<std::string*>(&options_.common_name));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     check_client);
  return context;
}

std::unique_ptr<TlsSession> TlsContext::new_session(int socket) {
  const std::shared_ptr<SSL_CTX> context = identity_->context();
  if (options_.on_session) options_.on_session();
  {
    MutexLock lock(mutex_);
    report_.sessions++;
  }
  return TlsSession::of_server(*context, socket);
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
  const TlsIdentity::Report identity = identity_->report();
  report.reloads = identity.reloads;
  report.failed_reloads = identity.failed_reloads;
  report.expires = identity.expires;
  return report;
}

}  // namespace rqlite::net
