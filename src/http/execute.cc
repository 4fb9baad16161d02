#include "http/execute.h"

#include <utility>

#include "http/write_reply.h"

namespace rqlite::http {

void execute(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
             const std::string& served_by, Counters& counters, std::optional<Passage> passage) {
  const RequestOptions options(request.parameters, counters);
  const Result<std::string> key = idempotency_key(request);
  if (!key.ok()) return reply->send(net::Response::text(400, key.error().text()));
  Result<ParsedStatements> parsed = parse_body(request, options.flags, *key);
  if (!parsed.ok()) return reply->send(net::Response::text(400, parsed.error().text()));
  counters.add(Counter::kExecuteStatements, parsed->statements);
  if (parsed->statements == 0) return reply->send(net::Response::text(400, "no statements"));
  if (!parsed->forbidden.empty()) return reply->send(failed_request(options, parsed->forbidden));
  if (store == nullptr) return reply->send(failed_request(options, "store not open"));
  write(*store, std::move(parsed->encoded), request.parameters.duration("db_timeout", {}), passage,
        make_write_reply(options, std::move(reply), served_by, passage));
}

}  // namespace rqlite::http
