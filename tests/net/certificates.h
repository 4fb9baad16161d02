#pragma once

#include <openssl/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace rqlite::net {

// A certificate and its key as PEM texts.
struct PemPair {
  std::string certificate;
  std::string key;
};

// Who issues the certificates of a test.
class Authority {
 public:
  explicit Authority(const std::string& name);

  [[nodiscard]] const std::string& pem() const { return pem_; }
  // For a server or client with these common names, and alternative ones as OpenSSL writes them
  // ("DNS:a,IP:::1"), good from a day ago for `life`.
  [[nodiscard]] PemPair issue(const std::vector<std::string>& common_names,
                              std::chrono::seconds life = std::chrono::hours(48),
                              const std::string& alternative_names = "") const;
  [[nodiscard]] PemPair issue_for(const std::string& alternative_names) const {
    return issue({"a server"}, std::chrono::hours(48), alternative_names);
  }

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
  std::string pem_;
};

// The first certificate of a PEM text.
std::shared_ptr<X509> certificate_of(const std::string& pem);

}  // namespace rqlite::net
