#include "http/readiness.h"

#include <optional>
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

namespace {

// The store's part, when the leader can be reached. `behind`: what the leader had committed when it
// was asked.
void look_at_store(const net::Parameters& parameters, std::shared_ptr<net::Reply> reply,
                   store::Store& store, std::optional<raft::Index> behind) {
  if (!store.is_ready()) {
    return reply->send(lines(503, "[+]node ok\n[+]leader ok\n[+]store not ready"));
  }
  const bool sync = parameters.has("sync");
  store::Query query;
  command::RequestBuilder(query.request, {}).begin_statement("SELECT 1");
  query.level = sync && !behind ? store::Level::kLinearizable : store::Level::kNone;
  query.linearizable_timeout = parameters.duration("timeout", 30s);
  query.timeout = query.linearizable_timeout;
  auto sink = std::make_unique<ReadinessSink>(reply, sync);
  if (!sync || !behind) return store.query(std::move(query), std::move(sink));
  const auto waiting = std::make_shared<std::pair<store::Query, std::unique_ptr<ReadinessSink>>>(
      std::move(query), std::move(sink));
  store.when_applied(*behind, waiting->first.timeout,
                     [&store, reply, waiting](const Status& status) {
                       if (!status.ok()) return waiting->second->finished(status, {});
                       reply->post([&store, waiting] {
                         store.query(std::move(waiting->first), std::move(waiting->second));
                       });
                     });
}

}  // namespace

void readiness(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
               cluster::Cluster* cluster) {
  if (request.parameters.has("noleader")) return reply->send(lines(200, "[+]node ok"));
  const auto leader = store == nullptr ? std::nullopt : store->leader();
  if (!leader) return reply->send(lines(503, "[+]node ok\n[+]leader does not exist"));
  if (leader->is_self || cluster == nullptr) {
    return look_at_store(request.parameters, std::move(reply), *store, std::nullopt);
  }
  const std::chrono::nanoseconds timeout = request.parameters.duration("timeout", 30s);
  cluster->ask_meta(leader->member.raft_address, timeout,
                    [reply = std::move(reply), store, parameters = std::move(request.parameters)](
                        const Result<cluster::NodeMeta>& meta) {
                      if (!meta.ok()) {
                        return reply->send(lines(
                            503, "[+]node ok\n[+]leader not contactable: " + meta.error().text()));
                      }
                      look_at_store(parameters, reply, *store, meta->commit);
                    });
}

}  // namespace rqlite::http
