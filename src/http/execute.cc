#include "http/execute.h"

#include <utility>

#include "http/request_options.h"

namespace rqlite::http {
namespace {

// The reply of a plain write, written once it is known, on the connection's thread.
class ExecuteReply final : public ResponseMaker {
 public:
  ExecuteReply(RequestOptions options, const std::string& served_by, raft::Index index,
               command::RequestResult result)
      : options_(options), served_by_(served_by), index_(index), result_(std::move(result)) {}

  Response make() override {
    Response response = answer();
    note_key(response, result_);
    return response;
  }

 private:
  Response answer() {
    if (!result_.error.empty()) return failed_request(options_, result_.error);
    ResultsJson json(options_.format);
    for (const command::StatementResult& each : result_.statements) json.add(each);
    ResultsJson::Envelope envelope = options_.envelope();
    if (options_.raft_index) envelope.raft_index = index_.value();
    return results_response(std::move(json).finish(envelope), served_by_);
  }

  const RequestOptions options_;
  const std::string& served_by_;
  const raft::Index index_;
  const command::RequestResult result_;
};

class ExecuteWrite final : public store::Write {
 public:
  ExecuteWrite(RequestOptions options, std::shared_ptr<Reply> reply, const std::string& served_by)
      : options_(options), reply_(std::move(reply)), served_by_(served_by) {}

  void applied(raft::Index index, std::vector<command::RequestResult> results) override {
    reply_->send(
        std::make_unique<ExecuteReply>(options_, served_by_, index, std::move(results.front())));
  }
  void failed(const Status& why) override { reply_->send(refused(options_, why)); }

 private:
  const RequestOptions options_;
  const std::shared_ptr<Reply> reply_;
  const std::string& served_by_;
};

}  // namespace

void execute(Request& request, std::shared_ptr<Reply> reply, store::Store* store,
             const std::string& served_by) {
  if (request.parameters.has("db_timeout")) {
    return reply->send(Response::text(400, "db_timeout is not built yet"));
  }
  const RequestOptions options(request.parameters);
  const Result<std::string> key = idempotency_key(request);
  if (!key.ok()) return reply->send(Response::text(400, key.error().text()));
  Result<ParsedStatements> parsed = parse_body(request, options.flags, *key);
  if (!parsed.ok()) return reply->send(Response::text(400, parsed.error().text()));
  if (parsed->statements == 0) return reply->send(Response::text(400, "no statements"));
  if (!parsed->forbidden.empty()) return reply->send(failed_request(options, parsed->forbidden));
  if (store == nullptr) return reply->send(failed_request(options, "store not open"));
  store->write(std::move(parsed->encoded),
               std::make_unique<ExecuteWrite>(options, std::move(reply), served_by));
}

}  // namespace rqlite::http
