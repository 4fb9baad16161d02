#pragma once

#include <string>

#include "http/json_tree.h"
#include "http/metrics_text.h"
#include "net/tls_context.h"

namespace rqlite::http {

// The member `http.tls` of `/status`. Null: there is no TLS.
void add_tls_status(JsonTree& tree, const net::TlsContext* tls);

// What `/metrics` says of the TLS of a port, under names that begin with `prefix`; `who` speaks it
// on the other side: "clients".
void add_tls_metrics(MetricsText& text, const std::string& prefix, const std::string& who,
                     const net::TlsContext& tls);

// "cert c.pem, key k.pem, CA cert ca.pem, mutual TLS enabled, required client CN "x"": for the log.
std::string describe(const net::TlsContext::Options& options);

}  // namespace rqlite::http
