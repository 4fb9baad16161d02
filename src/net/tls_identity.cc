#include "net/tls_identity.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "net/pem.h"

namespace rqlite::net {
namespace {

Status invalid(std::string text) { return {Code::kInvalid, std::move(text)}; }

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

}  // namespace

TlsIdentity::TlsIdentity(Options options, MakeContext make, FileSystem& files, const Clock& clock)
    : options_(std::move(options)),
      make_context_(std::move(make)),
      files_(files, clock, options_.certificate_file, options_.key_file) {}

TlsIdentity::~TlsIdentity() = default;

Result<std::unique_ptr<TlsIdentity>> TlsIdentity::open(Options options, MakeContext make,
                                                       FileSystem& files, const Clock& clock) {
  std::unique_ptr<TlsIdentity> made(
      new TlsIdentity(std::move(options), std::move(make), files, clock));
  Result<std::optional<CertificateFiles::Texts>> texts = made->files_.read_if_new();
  if (!texts.ok()) return texts.error();
  CHECK(texts->has_value());
  Result<Ready> ready = made->make_ready(**texts);
  if (!ready.ok()) return ready.error();
  if (ready->expires < clock.wall_now()) {
    log(made->options_.component, "the certificate at {} has expired on {}",
        made->options_.certificate_file, text_of(ready->expires));
  }
  made->use(*std::move(ready));
  return made;
}

Result<TlsIdentity::Ready> TlsIdentity::make_ready(const CertificateFiles::Texts& texts) const {
  const std::string& certificate_file = options_.certificate_file;
  const std::string& key_file = options_.key_file;
  Result<std::vector<std::shared_ptr<X509>>> chain = read_certificates(texts.certificate);
  if (!chain.ok()) return chain.error().with_context(certificate_file);
  if (chain->empty())
    return invalid(certificate_file + ": there is no certificate in PEM form in it");
  Result<std::shared_ptr<EVP_PKEY>> key = read_key(texts.key);
  if (!key.ok()) return key.error().with_context(key_file);

  Ready ready{make_context_(), expiry_of(*chain->front())};
  SSL_CTX* context = ready.context.get();
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
  return ready;
}

std::shared_ptr<SSL_CTX> TlsIdentity::context() {
  reload();
  MutexLock lock(mutex_);
  return ready_.context;
}

void TlsIdentity::reload() {
  {
    MutexLock lock(mutex_);
    // Somebody is at it; who comes meanwhile gets what there is.
    if (std::exchange(reloading_, true)) return;
  }
  Result<std::optional<CertificateFiles::Texts>> texts = files_.read_if_new();
  if (!texts.ok()) {
    reload_failed(texts.error());
  } else if (texts->has_value()) {
    Result<Ready> ready = make_ready(**texts);
    if (!ready.ok()) {
      reload_failed(ready.error());
    } else {
      log("cert-reloader", "reloading certificate at {} and key at {}", options_.certificate_file,
          options_.key_file);
      use(*std::move(ready));
      MutexLock lock(mutex_);
      report_.reloads++;
    }
  }
  MutexLock lock(mutex_);
  reloading_ = false;
}

void TlsIdentity::use(Ready ready) {
  MutexLock lock(mutex_);
  std::swap(ready_, ready);
  last_problem_.clear();
}

void TlsIdentity::reload_failed(const Status& why) {
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

TlsIdentity::Report TlsIdentity::report() const {
  MutexLock lock(mutex_);
  Report report = report_;
  report.expires = ready_.expires;
  return report;
}

}  // namespace rqlite::net
