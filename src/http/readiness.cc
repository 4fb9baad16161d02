#include "http/readiness.h"

#include <utility>

namespace rqlite::http {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSyncTimedOut = "timeout waiting for commit index";

net::Response lines(int status, std::string text) {
  return {status, net::kTextType, {}, std::move(text)};
}

// The answer to the node's own `SELECT 1`.
class ReadinessSink final : public store::QuerySink {
 public:
  ReadinessSink(std::shared_ptr<net::Reply> reply, bool sync)
      : reply_(std::move(reply)), sync_(sync) {}

  void columns(std::vector<std::string>, std::vector<std::string>) override {}
  void begin(bool) override { began_ = true; }
  bool row(std::span<const sqlite::ValueView>) override { return true; }
  void done(double) override {}
  void failed(std::string error) override { error_ = std::move(error); }
  void finished(const Status& status, raft::Index) override {
    std::string text = "[+]node ok\n[+]leader ok\n[+]store ok";
    if (sync_ && !began_ && !status.ok()) {
      const bool late = status.code() == Code::kDeadline;
      return reply_->send(
          lines(503, text + "\n[+]sync " + (late ? std::string(kSyncTimedOut) : status.text())));
    }
    if (sync_) text += "\n[+]sync ok";
    if (!status.ok() || !error_.empty()) {
      const std::string& why = error_.empty() ? status.text() : error_;
      return reply_->send(lines(503, text + "\n[+]db not ok: (" + why + ", [])"));
    }
    reply_->send(lines(200, text + "\n[+]db ok"));
  }

 private:
  const std::shared_ptr<net::Reply> reply_;
  const bool sync_;
  bool began_ = false;  // to read: it has caught up
  std::string error_;
};

}  // namespace

void readiness(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store) {
  if (request.parameters.has("noleader")) return reply->send(lines(200, "[+]node ok"));
  if (store == nullptr || !store->has_leader()) {
    return reply->send(lines(503, "[+]node ok\n[+]leader does not exist"));
  }
  if (!store->is_ready()) {
    return reply->send(lines(503, "[+]node ok\n[+]leader ok\n[+]store not ready"));
  }
  const bool sync = request.parameters.has("sync");
  store::Query query;
  command::RequestBuilder(query.request, {}).begin_statement("SELECT 1");
  query.level = sync ? store::Level::kLinearizable : store::Level::kNone;
  query.linearizable_timeout = request.parameters.duration("timeout", 30s);
  query.timeout = query.linearizable_timeout;
  store->query(std::move(query), std::make_unique<ReadinessSink>(std::move(reply), sync));
}

}  // namespace rqlite::http
