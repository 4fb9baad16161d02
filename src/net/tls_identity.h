#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "base/result.h"
#include "net/certificate_files.h"

namespace rqlite::net {

// A certificate and its key from files, as the context of the TLS sessions that show them.
//
// The pair is read again when its files change, which is looked for at each context(). One that is
// not good leaves the last good one in use, and is logged once. Threads: any.
class TlsIdentity {
 public:
  struct Options {
    std::string certificate_file;  // PEM: the certificate, and those it was issued by
    std::string key_file;          // PEM, not encrypted
    std::string component;         // which lines in the log come from
  };
  // A context that has all it needs besides the pair.
  using MakeContext = std::function<std::shared_ptr<SSL_CTX>()>;

  // Reads the files. What is passed must outlive it.
  static Result<std::unique_ptr<TlsIdentity>> open(Options options, MakeContext make,
                                                   FileSystem& files, const Clock& clock);
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  // For a new session. Reads the files if they have changed.
  std::shared_ptr<SSL_CTX> context() EXCLUDES(mutex_);

  struct Report {
    std::uint64_t reloads = 0;
    std::uint64_t failed_reloads = 0;
    WallTime expires;  // the certificate that is in use
  };
  [[nodiscard]] Report report() const EXCLUDES(mutex_);

 private:
  TlsIdentity(Options options, MakeContext make, FileSystem& files, const Clock& clock);

  // The pair, ready for use.
  struct Ready {
    std::shared_ptr<SSL_CTX> context;
    WallTime expires;
  };
  [[nodiscard]] Result<Ready> make_ready(const CertificateFiles::Texts& texts) const;
  void use(Ready ready) EXCLUDES(mutex_);
  // If the files changed, makes what they hold what is in use, or says why not.
  void reload() EXCLUDES(mutex_);
  void reload_failed(const Status& why) EXCLUDES(mutex_);

  const Options options_;
  const MakeContext make_context_;

  // Of the thread that set reloading_.
  CertificateFiles files_;

  mutable Mutex mutex_;
  bool reloading_ GUARDED_BY(mutex_) = false;
  Ready ready_ GUARDED_BY(mutex_);
  std::string last_problem_ GUARDED_BY(mutex_);  // with the files, as it was logged
  Report report_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::net
