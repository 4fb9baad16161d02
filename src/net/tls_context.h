#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "base/result.h"
#include "net/tls_authorities.h"
#include "net/tls_identity.h"
#include "net/tls_session.h"

namespace rqlite::net {

// What a TLS port shows to clients and asks of them: TLS 1.2 or 1.3, and by ALPN HTTP/1.1 alone.
//
// The certificate and its key are read again when their files change, which is looked for at each
// new session. A pair that is not good leaves the last good one in use, and is logged once. The CA
// is read once.
//
// Threads: any. Sessions must not outlive it.
class TlsContext {
 public:
  struct Options {
    std::string certificate_file;   // PEM: the server's certificate, and those it was issued by
    std::string key_file;           // PEM, not encrypted
    std::string ca_file;            // PEM: who may issue clients' certificates; empty: the system's
    bool verify_client = false;     // a client without a good certificate is refused
    std::string common_name;        // of the client's certificate; empty: any. With verify_client
    std::string component = "tls";  // which its lines in the log come from
    std::function<void()> on_session = {};  // called for each that is begun, on its thread
  };

  // Reads all files. What is passed must outlive it.
  static Result<std::unique_ptr<TlsContext>> open(Options options, FileSystem& files,
                                                  const Clock& clock);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // For a client that begins to speak TLS on `socket`. Reads the files if they have changed.
  std::unique_ptr<TlsSession> new_session(int socket);

  // A session did not come about; `client` is its address. Counts it, and logs it unless there was
  // a line less than a second ago.
  void on_failed_handshake(std::string_view client, std::string_view why);

  struct Report {
    std::uint64_t sessions = 0;           // begun
    std::uint64_t failed_handshakes = 0;  // of these
    std::uint64_t reloads = 0;
    std::uint64_t failed_reloads = 0;
    WallTime expires;  // the certificate that is in use
  };
  [[nodiscard]] Report report() const EXCLUDES(mutex_);
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  TlsContext(Options options, const Clock& clock);

  // A context that has all it needs besides a certificate.
  [[nodiscard]] std::shared_ptr<SSL_CTX> make() const;

  const Options options_;
  const Clock& clock_;
  // Constant once it is open.
  TlsAuthorities authorities_;
  std::unique_ptr<TlsIdentity> identity_;

  mutable Mutex mutex_;
  Report report_ GUARDED_BY(mutex_);  // but for what identity_ counts
  TimePoint failure_logged_at_ GUARDED_BY(mutex_);
  std::uint64_t failures_not_logged_ GUARDED_BY(mutex_) = 0;  // since then
};

}  // namespace rqlite::net
