#include "net/tls_dialer.h"

#include <openssl/ssl.h>

#include <utility>

#include "base/check.h"
#include "net/tls_protocol.h"

namespace rqlite::net {

TlsDialer::TlsDialer(Options options) : options_(std::move(options)) {}

TlsDialer::~TlsDialer() = default;

Result<std::unique_ptr<TlsDialer>> TlsDialer::open(Options options, FileSystem& files,
                                                   const Clock& clock) {
  CHECK(options.certificate_file.empty() == options.key_file.empty());
  std::unique_ptr<TlsDialer> made(new TlsDialer(std::move(options)));
  const Options& wanted = made->options_;
  Result<TlsAuthorities> authorities = TlsAuthorities::read(wanted.ca_file, files);
  if (!authorities.ok()) return authorities.error();
  made->authorities_ = *std::move(authorities);
  if (wanted.certificate_file.empty()) {
    made->anonymous_ = made->make();
    return made;
  }
  Result<std::unique_ptr<TlsIdentity>> identity = TlsIdentity::open(
      {wanted.certificate_file, wanted.key_file, wanted.component},
      [made = made.get()] { return made->make(); }, files, clock);
  if (!identity.ok()) return identity.error();
  made->identity_ = *std::move(identity);
  return made;
}

std::shared_ptr<SSL_CTX> TlsDialer::make() const {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  CHECK(context != nullptr);
  set_tls_protocol(*context);
  // 0 is success, for once.
  CHECK(SSL_CTX_set_alpn_protos(context.get(),
                                reinterpret_cast<const unsigned char*>(kTlsProtocols.data()),
                                static_cast<unsigned>(kTlsProtocols.size())) == 0);
  authorities_.set_trust(*context);
  SSL_CTX_set_verify(context.get(), options_.verify_server ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                     nullptr);
  return context;
}

std::unique_ptr<TlsSession> TlsDialer::new_session(int socket, const std::string& host) {
  const std::shared_ptr<SSL_CTX> context = identity_ ? identity_->context() : anonymous_;
  {
    MutexLock lock(mutex_);
    sessions_++;
  }
  return TlsSession::of_client(*context, socket,
                               options_.server_name.empty() ? host : options_.server_name);
}

TlsDialer::Report TlsDialer::report() const {
  Report report;
  report.expires = WallTime::max();
  if (identity_) {
    const TlsIdentity::Report identity = identity_->report();
    report.reloads = identity.reloads;
    report.failed_reloads = identity.failed_reloads;
    report.expires = identity.expires;
  }
  MutexLock lock(mutex_);
  report.sessions = sessions_;
  return report;
}

}  // namespace rqlite::net
