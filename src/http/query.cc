#include "http/query.h"

#include <utility>

#include "http/request_options.h"

namespace rqlite::http {
namespace {

// Turns results into the reply as they are read.
class ReplySink final : public store::QuerySink {
 public:
  ReplySink(RequestOptions options, std::shared_ptr<Reply> reply, const std::string& served_by)
      : options_(options), reply_(std::move(reply)), served_by_(served_by), json_(options.format) {}

  void columns(std::vector<std::string> names, std::vector<std::string> types) override {
    json_.begin_rows(std::move(names), std::move(types));
  }
  void row(std::span<const sqlite::ValueView> values) override { json_.add_row(values); }
  void done(double seconds) override { json_.end_rows(seconds); }
  void failed(std::string error) override { json_.fail_rows(error); }

  void finished(const Status& status, raft::Index index) override {
    if (!status.ok()) return reply_->send(refused(options_, status));
    ResultsJson::Envelope envelope = options_.envelope();
    if (options_.raft_index) envelope.raft_index = index.value();
    reply_->send(results_response(std::move(json_).finish(envelope), served_by_));
  }

 private:
  const RequestOptions options_;
  const std::shared_ptr<Reply> reply_;
  const std::string& served_by_;
  ResultsJson json_;
};

store::Level level_of(std::string_view text) {
  std::string lower;
  for (char c : text) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (lower == "none") return store::Level::kNone;
  if (lower == "linearizable") return store::Level::kLinearizable;
  if (lower == "strong") return store::Level::kStrong;
  return store::Level::kWeak;  // what a voter makes of `auto`, too
}

}  // namespace

void query(Request& request, std::shared_ptr<Reply> reply, store::Store* store,
           const std::string& served_by) {
  const Parameters& parameters = request.parameters;
  if (parameters.has("db_timeout")) {
    return reply->send(Response::text(400, "db_timeout is not built yet"));
  }
  const RequestOptions options(parameters);
  Result<ParsedStatements> parsed = request.method == "GET"
                                        ? Result<ParsedStatements>(StatementsParser::of_text(
                                              parameters.text("q", ""), options.flags))
                                        : parse_body(request, options.flags);
  if (!parsed.ok()) return reply->send(Response::text(400, parsed.error().text()));
  if (parsed->statements == 0) return reply->send(Response::text(400, "no statements"));
  if (!parsed->forbidden.empty()) return reply->send(failed_request(options, parsed->forbidden));
  if (store == nullptr) return reply->send(failed_request(options, "store not open"));
  store::Query query;
  query.request = std::move(parsed->encoded);
  query.level = level_of(parameters.text("level", "weak"));
  query.qualify_columns = parameters.has("qualify_columns");
  // Zero means a second, as it always has.
  query.linearizable_timeout =
      parameters.duration("linearizable_timeout", query.linearizable_timeout);
  if (query.linearizable_timeout == std::chrono::nanoseconds(0)) {
    query.linearizable_timeout = std::chrono::seconds(1);
  }
  store->query(std::move(query), std::make_unique<ReplySink>(options, std::move(reply), served_by));
}

}  // namespace rqlite::http
