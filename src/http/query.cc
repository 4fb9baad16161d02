#include "http/query.h"

#include <utility>

#include "http/query_reply.h"
#include "http/request_options.h"

namespace rqlite::http {

void query(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
           const std::string& served_by, Counters& counters, OnRefused refused) {
  const net::Parameters& parameters = request.parameters;
  const RequestOptions options(parameters, counters);
  Result<ParsedStatements> parsed = request.method == "GET"
                                        ? Result<ParsedStatements>(StatementsParser::of_text(
                                              parameters.text("q", ""), options.flags))
                                        : parse_body(request, options.flags);
  if (!parsed.ok()) return reply->send(net::Response::text(400, parsed.error().text()));
  counters.add(Counter::kQueryStatements, parsed->statements);
  if (parsed->statements == 0) return reply->send(net::Response::text(400, "no statements"));
  if (!parsed->forbidden.empty()) return reply->send(failed_request(options, parsed->forbidden));
  if (store == nullptr) return reply->send(failed_request(options, "store not open"));
  store::Query query = query_of(parameters, *store);
  query.request = std::move(parsed->encoded);
  store->query(std::move(query),
               make_query_reply(options, std::move(reply), served_by, std::move(refused)));
}

}  // namespace rqlite::http
