#include "http/tls_status.h"

#include <chrono>

namespace rqlite::http {

void add_tls_status(JsonTree& tree, const net::TlsContext* tls) {
  tree["enabled"] = JsonTree::text(tls != nullptr ? "true" : "false");
  if (tls == nullptr) return;
  const net::TlsContext::Options& options = tls->options();
  tree["ca_file"] = JsonTree::text(options.ca_file);
  tree["cert_file"] = JsonTree::text(options.certificate_file);
  tree["client_auth"] =
      JsonTree::text(options.verify_client ? "RequireAndVerifyClientCert" : "NoClientCert");
  tree["key_file"] = JsonTree::text(options.key_file);
  tree["next_protos"] = JsonTree::array({JsonTree::text("http/1.1")});
}

void add_tls_metrics(MetricsText& text, const std::string& prefix, const std::string& who,
                     const net::TlsContext& tls) {
  const net::TlsContext::Report report = tls.report();
  text.counter(prefix + "tls_handshakes_total", "TLS handshakes that " + who + " have begun.",
               static_cast<double>(report.sessions));
  text.counter(prefix + "tls_failed_handshakes_total", "TLS handshakes that failed.",
               static_cast<double>(report.failed_handshakes));
  text.counter(prefix + "tls_reloads_total",
               "Times that a new certificate was taken from its files.",
               static_cast<double>(report.reloads));
  text.counter(prefix + "tls_failed_reloads_total",
               "Times that the certificate's files could not be used.",
               static_cast<double>(report.failed_reloads));
  text.gauge(prefix + "tls_certificate_expiry_timestamp_seconds",
             "End of the certificate's time, in seconds since 1970.",
             std::chrono::duration<double>(report.expires.time_since_epoch()).count());
}

std::string describe(const net::TlsContext::Options& options) {
  std::string text = "cert " + options.certificate_file + ", key " + options.key_file;
  if (!options.ca_file.empty()) text += ", CA cert " + options.ca_file;
  text += options.verify_client ? ", mutual TLS enabled" : ", mutual TLS disabled";
  if (!options.common_name.empty()) text += ", required client CN \"" + options.common_name + "\"";
  return text;
}

}  // namespace rqlite::http
