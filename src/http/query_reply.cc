#include "http/query_reply.h"

#include <atomic>
#include <utility>

#include "http/elsewhere.h"
#include "net/outflow.h"

namespace rqlite::http {
namespace {

class QueryReply final : public store::QuerySink {
 public:
  QueryReply(RequestOptions options, std::shared_ptr<net::Reply> reply,
             const std::string& served_by, OnRefused refused)
      : options_(options),
        reply_(std::move(reply)),
        served_by_(served_by),
        refused_(std::move(refused)),
        json_(options.format) {}

  void begin(bool may_block) override {
    json_ = ResultsJson(options_.format);
    may_block_ = may_block;
  }
  void columns(std::vector<std::string> names, std::vector<std::string> types) override {
    json_.begin_rows(std::move(names), std::move(types));
  }
  bool row(std::span<const sqlite::ValueView> values) override {
    json_.add_row(values);
    return json_.size() < kPieceBytes || !may_block_ || send_piece();
  }
  void done(double seconds) override { json_.end_rows(seconds); }
  void failed(std::string error) override { json_.fail_rows(error); }
  void leave() override {
    gone_ = std::make_shared<std::atomic<bool>>(false);
    reply_->on_gone([gone = gone_] { *gone = true; });
  }
  bool is_wanted() override { return !gone_ || !*gone_; }
  bool post(std::function<void()> work) override {
    reply_->post(std::move(work));
    return true;
  }

  void finished(const Status& status, raft::Index index) override {
    if (stream_) return finish_stream(status, index);
    if (!status.ok() && refused_) return refused_(status);
    if (!status.ok()) return reply_->send(refused(options_, status));
    reply_->send(results_response(std::move(json_).finish(envelope(index)), served_by_));
  }

 private:
  [[nodiscard]] ResultsJson::Envelope envelope(raft::Index index) const {
    ResultsJson::Envelope envelope = options_.envelope();
    if (options_.raft_index) envelope.raft_index = index.value();
    return envelope;
  }

  // Sends what there is. False: nobody takes any more.
  bool send_piece() {
    ResultsJson::Text text = json_.take();
    if (stream_) return stream_->write(text.json);
    const bool possible = text.impossible.empty();
    net::Response response = results_response(std::move(text), served_by_);
    if (possible) {
      stream_ = reply_->begin(std::move(response));
    } else {
      reply_->send(std::move(response));
    }
    return possible;
  }

  void finish_stream(const Status& status, raft::Index index) {
    ResultsJson::Envelope last = envelope(index);
    if (!status.ok()) last.error = status.text();
    if (stream_->write(std::move(json_).finish(last).json)) stream_->finish();
  }

  // What is larger is sent while it is read.
  static constexpr std::size_t kPieceBytes = net::Outflow::kPieceBytes;

  const RequestOptions options_;
  const std::shared_ptr<net::Reply> reply_;
  const std::string& served_by_;
  const OnRefused refused_;
  ResultsJson json_;
  bool may_block_ = false;
  std::shared_ptr<std::atomic<bool>> gone_;  // the client; once the read has left its thread
  std::unique_ptr<net::BodyStream> stream_;  // once the response has begun
};

store::Level level_of(std::string_view text, store::Store& store) {
  std::string lower;
  for (char c : text) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (lower == "none") return store::Level::kNone;
  if (lower == "linearizable") return store::Level::kLinearizable;
  if (lower == "strong") return store::Level::kStrong;
  // A node without a vote is there to be read from.
  if (lower == "auto" && !votes(store)) return store::Level::kNone;
  return store::Level::kWeak;
}

}  // namespace

std::unique_ptr<store::QuerySink> make_query_reply(RequestOptions options,
                                                   std::shared_ptr<net::Reply> reply,
                                                   const std::string& served_by,
                                                   OnRefused refused) {
  return std::make_unique<QueryReply>(options, std::move(reply), served_by, std::move(refused));
}

store::Query query_of(const net::Parameters& parameters, store::Store& store) {
  store::Query query;
  query.level = level_of(parameters.text("level", "weak"), store);
  query.freshness = parameters.duration("freshness", {});
  query.freshness_is_strict = parameters.has("freshness_strict");
  query.timeout = parameters.duration("db_timeout", {});
  query.qualify_columns = parameters.has("qualify_columns");
  // Zero means a second, as it always has.
  query.linearizable_timeout =
      parameters.duration("linearizable_timeout", query.linearizable_timeout);
  if (query.linearizable_timeout == std::chrono::nanoseconds(0)) {
    query.linearizable_timeout = std::chrono::seconds(1);
  }
  return query;
}

}  // namespace rqlite::http
