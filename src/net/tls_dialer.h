#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "base/result.h"
#include "net/tls_authorities.h"
#include "net/tls_identity.h"
#include "net/tls_session.h"

namespace rqlite::net {

// How we speak TLS to servers: what we ask of them, and what we show if they ask. TLS 1.2 or 1.3,
// and by ALPN HTTP/1.1 alone.
//
// Our certificate and its key are read again when their files change, as TlsIdentity tells; the CA
// is read once. Threads: any. Sessions must not outlive it.
class TlsDialer {
 public:
  struct Options {
    std::string certificate_file;   // PEM: shown to servers that ask; empty: there is none
    std::string key_file;           // PEM, not encrypted; with certificate_file
    std::string ca_file;            // PEM: who may issue servers' certificates; empty: the system's
    bool verify_server = true;      // a server without a good certificate is not spoken to
    std::string server_name;        // that its certificate must be for; empty: the dialled host
    std::string component = "tls";  // which its lines in the log come from
  };

  // Reads all files. What is passed must outlive it.
  static Result<std::unique_ptr<TlsDialer>> open(Options options, FileSystem& files,
                                                 const Clock& clock);
  ~TlsDialer();
  TlsDialer(const TlsDialer&) = delete;
  TlsDialer& operator=(const TlsDialer&) = delete;

  // For a connection to `host`, a name or an IP address without brackets. Reads the files if they
  // have changed.
  std::unique_ptr<TlsSession> new_session(int socket, const std::string& host);

  struct Report {
    std::uint64_t sessions = 0;  // begun
    std::uint64_t reloads = 0;
    std::uint64_t failed_reloads = 0;
    WallTime expires;  // the certificate that is in use; without one, the end of time
  };
  [[nodiscard]] Report report() const EXCLUDES(mutex_);
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  explicit TlsDialer(Options options);

  // A context that has all it needs besides a certificate.
  [[nodiscard]] std::shared_ptr<SSL_CTX> make() const;

  const Options options_;
  // Constant once it is open.
  TlsAuthorities authorities_;
  std::unique_ptr<TlsIdentity> identity_;  // null: there is none, and
  std::shared_ptr<SSL_CTX> anonymous_;     // this is there instead

  mutable Mutex mutex_;
  std::uint64_t sessions_ GUARDED_BY(mutex_) = 0;
};

}  // namespace rqlite::net
