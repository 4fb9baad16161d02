#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/worker.h"
#include "cluster/cluster.h"
#include "http/counters.h"
#include "http/credentials.h"
#include "http/debug_vars.h"
#include "http/gate.h"
#include "http/json_tree.h"
#include "http/metrics_text.h"
#include "http/nodes.h"
#include "http/upload.h"
#include "http/write_reply.h"
#include "net/message.h"
#include "queue/write_queue.h"
#include "store/store.h"

namespace rqlite::http {

// The client API: finds the route of a request, lets it pass if it may, and has it answered from
// the store and the queue.
//
// Threads: handle() and admit() on the HTTP threads, the others on any. It answers before
// the store is open, too, saying so.
class Api final : public net::Handler {
 public:
  struct Options {
    std::string http_address;                // as clients reach this node, "host:port"
    std::string raft_address;                // as other nodes do
    bool queue_requests_are_atomic = false;  // -write-queue-tx
    // Who may do what; null: everybody everything.
    std::shared_ptr<const Credentials> credentials;
    NodeIdentity identity;
    // Adds to `/status` what neither store nor queue knows.
    std::function<void(JsonTree&)> process_status;
    // Likewise, to `/metrics` and to `/debug/vars`.
    std::function<void(MetricsText&)> process_metrics;
    ProcessVars process_vars;
  };

  Api(Options options, const Clock& clock);

  // The store, the queue and other nodes, if there are any, are there from now on; all must outlive
  // the API's requests.
  void open(store::Store& store, queue::WriteQueue& queue, cluster::Cluster* cluster);
  // Whose figures are shown from now on, before the store is open, too; must outlive the requests.
  void show(cluster::Cluster& cluster) { shown_ = &cluster; }
  // Lets go of requests whose password waits to be hashed: no reply is held here afterwards.
  void close() { gate_.close(); }
  // Blocks until what has come of bodies is in its files. Once the server has stopped, nothing here
  // leads back to it any more.
  void finish_uploads() { uploads_.finish(); }

  // Another credentials file takes effect. Precondition: there was one at the start.
  void replace_credentials(std::shared_ptr<const Credentials> credentials) {
    gate_.replace(std::move(credentials));
  }
  // Tells whether the login in a request's headers allows all of `needed`, at once or, on a thread
  // of the API's, later. From any thread.
  void may(const net::Request& request, Permissions needed, std::function<void(bool)> then);
  [[nodiscard]] Counters& counters() { return counters_; }
  [[nodiscard]] const Options& options() const { return options_; }
  // What `/metrics` says now.
  [[nodiscard]] Bytes metrics_text() const;

  void handle(net::Request request, std::shared_ptr<net::Reply> reply) override;
  void admit(net::Request head, std::function<void(Admission)> then) override;

 private:
  struct Route;
  // Reads the request's parameters and finds its route, or what is wrong with either.
  static std::optional<net::Response> find_route(net::Request& request, const Route*& route);

  // What comes when it is known whether the request may pass.
  void decided(const Route& route, bool allowed, net::Request request,
               std::shared_ptr<net::Reply> reply);
  // Counts the request, and refuses it if it may not pass or has a method that is not allowed.
  std::optional<net::Response> judge(const Route& route, bool allowed, std::string_view method,
                                     bool passed_on);
  // What the client of another node hears, which had let it pass.
  static net::Response remote_refusal(const Route& route);
  Admission admission(const Route& route, bool allowed, std::string_view method, bool passed_on);
  void handle_when_hashed(const Route& route, std::optional<Login> login, net::Request request,
                          std::shared_ptr<net::Reply> reply);

  // Whose answer it is: another node tells its client of this one by its address between nodes.
  [[nodiscard]] const std::string& served_by(const net::Request& request) const {
    return request.passed_on ? options_.raft_address : options_.http_address;
  }
  // As answered_elsewhere(), for a request whose failures are told as those of statements, or as
  // one line.
  bool loaded_elsewhere(const net::Request& request, const std::shared_ptr<net::Reply>& reply,
                        const std::shared_ptr<Upload>& body);
  bool done_elsewhere(const net::Request& request, const std::shared_ptr<net::Reply>& reply,
                      std::string_view preset_type, const std::string& context);
  // Why, as one line.
  net::Response nothing_came_of_it(const Status& why);

  // Has a request that may write answered by whoever leads; `here` does it on this node.
  using WriteHere =
      std::function<void(net::Request&, std::shared_ptr<net::Reply>, std::optional<Passage>)>;
  void write(net::Request request, std::shared_ptr<net::Reply> reply, const WriteHere& here);

  void execute(net::Request request, std::shared_ptr<net::Reply> reply);
  void execute_queued(net::Request request, std::shared_ptr<net::Reply> reply);
  void query(net::Request request, std::shared_ptr<net::Reply> reply);
  void unified(net::Request request, std::shared_ptr<net::Reply> reply);
  void queue_state(net::Request request, std::shared_ptr<net::Reply> reply);
  void metrics(net::Request request, std::shared_ptr<net::Reply> reply);
  void ready(net::Request request, std::shared_ptr<net::Reply> reply);
  void status(net::Request request, std::shared_ptr<net::Reply> reply);
  // The body of `request`; null if it is a large one that went into memory.
  std::shared_ptr<Upload> upload_of(net::Request& request, store::Store& store);
  void load(net::Request request, std::shared_ptr<net::Reply> reply);
  void boot(net::Request request, std::shared_ptr<net::Reply> reply);
  void backup(net::Request request, std::shared_ptr<net::Reply> reply);
  void analyze_sql(net::Request request, std::shared_ptr<net::Reply> reply);
  void snapshot(net::Request request, std::shared_ptr<net::Reply> reply);
  void reap(net::Request request, std::shared_ptr<net::Reply> reply);
  void nodes(net::Request request, std::shared_ptr<net::Reply> reply);
  void leader(net::Request request, std::shared_ptr<net::Reply> reply);
  void remove(net::Request request, std::shared_ptr<net::Reply> reply);
  void root(net::Request request, std::shared_ptr<net::Reply> reply);
  void console_root(net::Request request, std::shared_ptr<net::Reply> reply);
  void console(net::Request request, std::shared_ptr<net::Reply> reply);
  void licenses(net::Request request, std::shared_ptr<net::Reply> reply);
  void debug_vars(net::Request request, std::shared_ptr<net::Reply> reply);
  void profile(net::Request request, std::shared_ptr<net::Reply> reply);

  Gate gate_;
  const Options options_;
  const Clock& clock_;
  Counters counters_;
  std::atomic<std::int64_t> last_backup_{0};  // nanoseconds since 1970; 0: none
  Worker uploads_{"uploads"};
  std::atomic<store::Store*> store_{nullptr};
  std::atomic<queue::WriteQueue*> queue_{nullptr};
  std::atomic<cluster::Cluster*> cluster_{nullptr};
  std::atomic<cluster::Cluster*> shown_{nullptr};
};

}  // namespace rqlite::http
