#include "http/sql_analysis.h"

#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "command/command.h"
#include "command/request.h"
#include "http/json_text.h"
#include "http/request_options.h"
#include "sqlite/syntax.h"

namespace rqlite::http {
namespace {

void append_member(Bytes& to, std::string_view name, std::string_view text) {
  to.append("\"").append(name).append("\":");
  append_json_string(to, text);
}

void append_analysis(Bytes& to, sqlite::Connection& connection, BytesView sql) {
  to += '{';
  append_member(to, "original", sql);
  to += ',';
  if (const std::optional<std::string> error = sqlite::syntax_error(connection, sql)) {
    append_member(to, "error", *error);
  } else {
    append_member(to, "rewritten", sql);
  }
  to += '}';
}

net::Response analysis_of(BytesView encoded, const RequestOptions& options,
                          sqlite::Connection& connection) {
  const std::optional<command::Command> decoded = command::decode_command(encoded);
  CHECK(decoded && decoded->requests.size() == 1);
  command::RequestReader statements(decoded->requests.front());
  Bytes json = "{\"results\":[";
  for (bool first = true; statements.next(); first = false) {
    if (!first) json += ',';
    append_analysis(json, connection, statements.sql());
  }
  json += ']';
  if (const std::optional<double> seconds = options.envelope().seconds) {
    json += ",\"time\":";
    append_json_real(json, *seconds);
  }
  json += '}';
  return net::Response::json(options.format.pretty ? indent_json(json) : std::move(json));
}

}  // namespace

void analyze_sql(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
                 Counters& counters) {
  const net::Parameters& parameters = request.parameters;
  const RequestOptions options(parameters, counters);
  if (request.method == "GET" && !parameters.has("q")) {
    return reply->send(net::Response::text(400, "query not specified"));
  }
  Result<ParsedStatements> parsed = request.method == "GET"
                                        ? Result<ParsedStatements>(StatementsParser::of_text(
                                              parameters.text("q", ""), options.flags))
                                        : parse_json_body(request, options.flags);
  if (!parsed.ok()) return reply->send(net::Response::text(400, parsed.error().text()));
  if (parsed->statements == 0) return reply->send(net::Response::text(400, "no statements"));
  if (store == nullptr) return reply->send(net::Response::text(503, "store not open"));
  store->on_reader([options, reply, encoded = std::move(parsed->encoded)](
                       const Result<store::ReaderPool::Reader>& reader) {
    if (!reader.ok()) return reply->send(net::Response::text(503, reader.error().text()));
    reply->send(analysis_of(encoded, options, reader->connection()));
  });
}

}  // namespace rqlite::http
