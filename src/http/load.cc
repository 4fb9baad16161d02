#include "http/load.h"

#include <utility>
#include <vector>

#include "http/write_reply.h"

namespace rqlite::http {
namespace {

// SQL text is one entry of the log, and in memory as such.
constexpr std::size_t kTextBytesMax = 256 << 20;
constexpr std::size_t kSmallestDatabase = 32;
constexpr const char* kDatabaseUnknown = "it is unknown whether the database was loaded";
constexpr const char* kTextUnknown = "it is unknown whether the SQL was executed";

// Answers what became of a database that was to replace this one.
class ReplacementReply final : public store::Write {
 public:
  // Makes the response to success; and that to a failure that is not the sender's.
  struct Answers {
    std::function<net::Response()> done;
    std::function<net::Response(const Status&)> failed;
  };
  ReplacementReply(std::shared_ptr<net::Reply> reply, Answers answers)
      : reply_(std::move(reply)), answers_(std::move(answers)) {}

  void applied(raft::Index, std::vector<command::RequestResult>) override {
    reply_->send(answers_.done());
  }
  void failed(const Status& why) override {
    reply_->send(why.code() == Code::kInvalid ? net::Response::text(400, why.text())
                                              : answers_.failed(why));
  }

 private:
  const std::shared_ptr<net::Reply> reply_;
  const Answers answers_;
};

void load_database(const RequestOptions& options, const std::shared_ptr<net::Reply>& reply,
                   store::Store& store, Upload& body, const std::string& served_by,
                   Counters& counters) {
  ReplacementReply::Answers answers;
  answers.done = [options, &served_by, &counters] {
    counters.add(StoreCounter::kLoads);
    net::Response response =
        results_response(ResultsJson(options.format).finish(options.envelope()), served_by);
    response.content_type = options.content_type;
    return response;
  };
  answers.failed = [options](const Status& why) {
    if (why.code() == Code::kNoLeader) return refused(options, why);
    const bool unknown = why.code() == Code::kUnknown;
    return net::Response::text(500, (unknown ? why.with_context(kDatabaseUnknown) : why).text());
  };
  const Result<std::string> path = body.take_file();
  if (!path.ok()) return reply->send(answers.failed(path.error()));
  store.replace_database(*path, std::make_unique<ReplacementReply>(reply, std::move(answers)));
}

void load_text(const RequestOptions& options, const std::shared_ptr<net::Reply>& reply,
               store::Store& store, Upload& body, const std::string& served_by) {
  const Result<Bytes> sql = body.content(kTextBytesMax);
  if (!sql.ok()) return reply->send(refused(options, sql.error()));
  ParsedStatements parsed = StatementsParser::of_text(*sql, options.flags);
  if (!parsed.forbidden.empty()) return reply->send(failed_request(options, parsed.forbidden));
  store.write(std::move(parsed.encoded), make_write_reply(options, reply, served_by));
}

}  // namespace

void load(const net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
          std::shared_ptr<Upload> body, const std::string& served_by, Counters& counters) {
  const net::Parameters& parameters = request.parameters;
  RequestOptions options(parameters, counters);
  options.format = {.pretty = parameters.has("pretty")};
  options.flags = {.timings = parameters.has("timings")};
  options.raft_index = false;
  options.content_type = net::kTextType;  // as it always was
  if (store == nullptr) return reply->send(net::Response::text(500, "store not open"));
  // What follows reads and checks files.
  store->on_reader([=, &served_by, &counters](const Result<store::ReaderPool::Reader>&) {
    if (!body->is_database()) return load_text(options, reply, *store, *body, served_by);
    load_database(options, reply, *store, *body, served_by, counters);
  });
}

net::Response load_unanswered(const RequestOptions& options, const Upload& body,
                              const Status& why) {
  const bool unknown = why.code() == Code::kUnknown;
  if (!body.is_database()) {
    const char* what = unknown ? kTextUnknown : "the SQL was not executed";
    return failed_request(options, why.with_context(what).text());
  }
  const char* what = unknown ? kDatabaseUnknown : "the database was not loaded";
  return net::Response::text(500, why.with_context(what).text());
}

void boot(std::shared_ptr<net::Reply> reply, store::Store* store, std::shared_ptr<Upload> body,
          Counters& counters) {
  if (store == nullptr) return reply->send(net::Response::text(503, "store not open"));
  if (body->size() < kSmallestDatabase) return reply->send(net::Response::text(503, "EOF"));
  if (!body->is_database()) return reply->send(net::Response::text(400, "invalid SQLite data"));
  if (store->membership().entries().size() > 1) {
    return reply->send(
        net::Response::text(503, store->is_leader() ? "not single-node" : "not leader"));
  }
  store->on_reader([=, &counters](const Result<store::ReaderPool::Reader>&) {
    ReplacementReply::Answers answers;
    answers.done = [&counters] {
      counters.add(StoreCounter::kBoots);
      return net::Response::bare(200);
    };
    answers.failed = [](const Status& why) {
      const bool elsewhere = why.code() == Code::kNotLeader || why.code() == Code::kNoLeader;
      return net::Response::text(503, elsewhere ? "not leader" : why.text());
    };
    const Result<std::string> path = body->take_file();
    if (!path.ok()) return reply->send(answers.failed(path.error()));
    store->replace_database(*path, std::make_unique<ReplacementReply>(reply, std::move(answers)));
  });
}

}  // namespace rqlite::http
