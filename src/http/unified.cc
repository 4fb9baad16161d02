#include "http/unified.h"

#include <utility>

#include "http/query_reply.h"
#include "http/write_reply.h"

namespace rqlite::http {

void unified(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
             const std::string& served_by, Counters& counters, std::optional<Passage> passage,
             std::function<void()> elsewhere) {
  const RequestOptions options(request.parameters, counters);
  const Result<std::string> key = idempotency_key(request);
  if (!key.ok()) return reply->send(net::Response::text(400, key.error().text()));
  command::RequestFlags flags = options.flags;
  flags.unified = true;
  flags.qualify_columns = request.parameters.has("qualify_columns");
  Result<ParsedStatements> parsed = parse_json_body(request, flags, *key);
  if (!parsed.ok()) return reply->send(net::Response::text(400, parsed.error().text()));
  counters.add(Counter::kRequestStatements, parsed->statements);
  if (parsed->statements == 0) return reply->send(net::Response::text(400, "no statements"));
  if (!parsed->forbidden.empty()) return reply->send(failed_request(options, parsed->forbidden));
  if (store == nullptr) return reply->send(failed_request(options, "store not open"));
  store::Query query = query_of(request.parameters, *store);
  query.request = std::move(parsed->encoded);
  // In a transaction, a strong read that fails ends it, which a query does not.
  if (query.level == store::Level::kStrong && flags.transaction) {
    return write(*store, std::move(query.request), query.timeout, passage,
                 make_write_reply(options, std::move(reply), served_by, passage));
  }
  const auto waiting = std::make_shared<store::Query>(std::move(query));
  store->find_out_if_reads(waiting->request, [=, &served_by](bool reads) {
    if (!reads && elsewhere) return elsewhere();
    if (!reads) {
      return write(*store, std::move(waiting->request), waiting->timeout, passage,
                   make_write_reply(options, reply, served_by, passage));
    }
    // A query begins on the connection's thread, which a long search for the answer has left.
    reply->post([=, &served_by] {
      store->query(std::move(*waiting), make_query_reply(options, reply, served_by,
                                                         passage ? passage->refused : OnRefused()));
    });
  });
}

}  // namespace rqlite::http
