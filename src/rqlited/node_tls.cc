#include "rqlited/node_tls.h"

#include <string>
#include <utility>

#include "base/log.h"

namespace rqlite::rqlited {
namespace {

std::string describe(const net::TlsContext::Options& tls) {
  std::string text = "cert: " + tls.certificate_file + ", key: " + tls.key_file;
  if (!tls.ca_file.empty()) text += ", CA cert " + tls.ca_file;
  text += tls.verify_client ? ", mutual TLS enabled" : ", mutual TLS disabled";
  if (!tls.common_name.empty()) {
    text += ", required peer common name \"" + tls.common_name + "\"";
  }
  return text;
}

}  // namespace

Result<NodeTls> NodeTls::open(const Options& options, FileSystem& files, const Clock& clock) {
  NodeTls tls;
  if (options.node_cert.empty()) {
    // Whoever is alone now may be joined, and pass on what its clients send.
    if (!options.auth.empty()) {
      log("rqlited",
          "WARNING: passwords go to other nodes in clear, if there are any, because -node-cert and "
          "-node-key are not set");
    }
    return tls;
  }
  net::TlsContext::Options accepting;
  accepting.certificate_file = options.node_cert;
  accepting.key_file = options.node_key;
  accepting.ca_file = options.node_ca_cert;
  accepting.verify_client = options.node_verify_client;
  accepting.common_name = options.node_verify_common_name;
  accepting.component = "mux";
  Result<std::unique_ptr<net::TlsContext>> context =
      net::TlsContext::open(std::move(accepting), files, clock);
  if (!context.ok()) {
    return context.error().with_context(
        "failed to start node mux: failed to create node-to-node mux");
  }
  tls.accepting = std::move(*context);
  net::TlsDialer::Options dialing;
  dialing.certificate_file = options.node_cert;
  dialing.key_file = options.node_key;
  dialing.ca_file = options.node_ca_cert;
  dialing.verify_server = !options.node_no_verify;
  dialing.server_name = options.node_verify_server_name;
  dialing.component = "mux";
  Result<std::unique_ptr<net::TlsDialer>> dialer =
      net::TlsDialer::open(std::move(dialing), files, clock);
  if (!dialer.ok()) return dialer.error().with_context("failed to create cluster client");
  tls.dialing = std::move(*dialer);
  log("rqlited", "enabling node-to-node encryption with {}", describe(tls.accepting->options()));
  return tls;
}

}  // namespace rqlite::rqlited
