#include "net/tls_refusal.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <ctime>
#include <memory>
#include <string_view>

namespace rqlite::net {
namespace {

std::string_view bytes_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string text_of_address(std::string_view bytes) {
  if (bytes.size() == 4) {
    boost::asio::ip::address_v4::bytes_type four;
    std::ranges::copy(bytes, four.begin());
    return boost::asio::ip::make_address_v4(four).to_string();
  }
  if (bytes.size() != 16) return "?";
  boost::asio::ip::address_v6::bytes_type sixteen;
  std::ranges::copy(bytes, sixteen.begin());
  return boost::asio::ip::make_address_v6(sixteen).to_string();
}

std::string text_of(const std::tm& time) {
  char text[64];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &time)};
}

std::string text_of(const ASN1_TIME& time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(&time, &parts) == 1 ? text_of(parts) : "?";
}

// How it is now, and which bound that passes.
std::string not_now(std::string_view how, const ASN1_TIME& bound) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  return "certificate has expired or is not yet valid: current time " + text_of(parts) + " is " +
         std::string(how) + " " + text_of(bound);
}

// The certificate is another one's.
std::string mismatch(const X509& certificate, const std::string& wanted, bool is_address) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  std::string good_for;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); i++) {
    int kind = 0;
    const auto* value = static_cast<const ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &kind));
    if (kind != (is_address ? GEN_IPADD : GEN_DNS)) continue;
    if (!good_for.empty()) good_for += ", ";
    good_for += is_address ? text_of_address(bytes_of(value)) : std::string(bytes_of(value));
  }
  if (!good_for.empty()) return "certificate is valid for " + good_for + ", not " + wanted;
  if (is_address) {
    return "cannot validate certificate for " + wanted + " because it doesn't contain any IP SANs";
  }
  return "certificate is not valid for any names, but wanted to match " + wanted;
}

std::string why_not_good(int error, const X509& certificate, const std::string& wanted) {
  switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "certificate signed by unknown authority";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return not_now("after", *X509_get0_notAfter(&certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return not_now("before", *X509_get0_notBefore(&certificate));
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return mismatch(certificate, wanted, false);
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return mismatch(certificate, wanted, true);
    default:
      return X509_verify_cert_error_string(error);
  }
}

// What OpenSSL calls an alert that was received.
constexpr int kAlerts = SSL_AD_REASON_OFFSET;

std::string alert(int number) {
  switch (number) {
    case SSL_AD_UNKNOWN_CA:
      return "unknown certificate authority";
    // OpenSSL has no words for this one.
    case SSL_AD_CERTIFICATE_REQUIRED:
      return "certificate required";
    default:
      return SSL_alert_desc_string_long(number);
  }
}

std::string of_client(unsigned long error, const char* reason) {
  const int code = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) == ERR_LIB_SSL && code == SSL_R_WRONG_VERSION_NUMBER) {
    return "tls: first record does not look like a TLS handshake";
  }
  if (ERR_GET_LIB(error) == ERR_LIB_SSL && code > kAlerts && code < kAlerts + 256) {
    return "remote error: tls: " + alert(code - kAlerts);
  }
  return std::string("tls: ") + reason;
}

}  // namespace

void TlsRefusal::watch(SSL& session, const std::string& server_name) {
  server_name_ = server_name;
  SSL_set_app_data(&session, this);
  SSL_set_verify(&session, SSL_get_verify_mode(&session), on_verified);
}

int TlsRefusal::on_verified(int is_good, X509_STORE_CTX* chain) {
  if (is_good == 1) return is_good;
  const auto* session = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* self = static_cast<TlsRefusal*>(SSL_get_app_data(session));
  const X509* certificate = X509_STORE_CTX_get_current_cert(chain);
  if (self->certificate_.empty() && certificate != nullptr) {
    self->certificate_ =
        why_not_good(X509_STORE_CTX_get_error(chain), *certificate, self->server_name_);
  }
  return is_good;
}

std::string TlsRefusal::text(const SSL& session) const {
  const unsigned long error = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(error);
  if (reason == nullptr) reason = "unknown error";
  const bool is_of_certificate = ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  if (SSL_is_server(&session) == 0) {
    if (is_of_certificate && !certificate_.empty()) {
      return "tls: failed to verify certificate: x509: " + certificate_;
    }
    return of_client(error, reason);
  }
  const long verified = SSL_get_verify_result(&session);
  if (!is_of_certificate || verified == X509_V_OK) return reason;
  return std::string(reason) + ": " +
         (verified == X509_V_ERR_APPLICATION_VERIFICATION
              ? "the common name is not the one that is required"
              : X509_verify_cert_error_string(verified));
}

}  // namespace rqlite::net
