#include "http/write_reply.h"

#include <utility>
#include <vector>

namespace rqlite::http {
namespace {

// The reply's text, written on the connection's thread.
class ResultsReply final : public net::ResponseMaker {
 public:
  ResultsReply(RequestOptions options, const std::string& served_by, raft::Index index,
               command::RequestResult result)
      : options_(options), served_by_(served_by), index_(index), result_(std::move(result)) {}

  net::Response make() override {
    net::Response response = answer();
    if (response.status == 200) response.content_type = options_.content_type;
    note_key(response, result_);
    return response;
  }

 private:
  net::Response answer() {
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

class WriteReply final : public store::Write {
 public:
  WriteReply(RequestOptions options, std::shared_ptr<net::Reply> reply,
             const std::string& served_by, std::optional<Passage> passage)
      : options_(options),
        reply_(std::move(reply)),
        served_by_(served_by),
        passage_(std::move(passage)) {}

  void applied(raft::Index index, std::vector<command::RequestResult> results) override {
    reply_->send(
        std::make_unique<ResultsReply>(options_, served_by_, index, std::move(results.front())));
  }
  void failed(const Status& why) override {
    if (passage_) return passage_->refused(why);
    reply_->send(refused(options_, why));
  }

 private:
  const RequestOptions options_;
  const std::shared_ptr<net::Reply> reply_;
  const std::string& served_by_;
  const std::optional<Passage> passage_;
};

}  // namespace

std::unique_ptr<store::Write> make_write_reply(RequestOptions options,
                                               std::shared_ptr<net::Reply> reply,
                                               const std::string& served_by,
                                               std::optional<Passage> passage) {
  return std::make_unique<WriteReply>(options, std::move(reply), served_by, std::move(passage));
}

void write(store::Store& store, Bytes batch, std::chrono::nanoseconds timeout,
           const std::optional<Passage>& passage, std::unique_ptr<store::Write> write) {
  const bool has_limit = timeout > std::chrono::nanoseconds(0);
  if (passage && has_limit) {
    store.write_within(timeout, std::move(batch), passage->origin, std::move(write));
  } else if (passage) {
    store.write(std::move(batch), passage->origin, std::move(write));
  } else if (has_limit) {
    store.write_within(timeout, std::move(batch), std::move(write));
  } else {
    store.write(std::move(batch), std::move(write));
  }
}

}  // namespace rqlite::http
