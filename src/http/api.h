#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/worker.h"
#include "http/json_tree.h"
#include "http/message.h"
#include "http/metrics_text.h"
#include "http/upload.h"
#include "queue/write_queue.h"
#include "store/store.h"

namespace rqlite::http {

// The client API: finds the route of a request and answers it from the store and the queue.
//
// Threads: handle() on the HTTP threads. It answers before the store is open, too, saying so.
class Api final : public Handler {
 public:
  struct Options {
    std::string http_address;                // as clients reach this node, "host:port"
    bool queue_requests_are_atomic = false;  // -write-queue-tx
    // Adds to `/status` what neither store nor queue knows.
    std::function<void(JsonTree&)> process_status;
    // Likewise, to `/metrics`.
    std::function<void(MetricsText&)> process_metrics;
  };

  Api(Options options, const Clock& clock) : options_(std::move(options)), clock_(clock) {}

  // The store and the queue are there from now on; both must outlive the API's requests.
  void open(store::Store& store, queue::WriteQueue& queue);

  void handle(Request request, std::shared_ptr<Reply> reply) override;
  std::shared_ptr<BodySink> body_sink(const Request& head) override;

 private:
  struct Route;
  static const Route* find_route(const std::string& path);

  void execute(Request request, std::shared_ptr<Reply> reply);
  void execute_queued(Request request, std::shared_ptr<Reply> reply);
  void query(Request request, std::shared_ptr<Reply> reply);
  void unified(Request request, std::shared_ptr<Reply> reply);
  void queue_state(Request request, std::shared_ptr<Reply> reply);
  void metrics(Request request, std::shared_ptr<Reply> reply);
  void ready(Request request, std::shared_ptr<Reply> reply);
  void status(Request request, std::shared_ptr<Reply> reply);
  // The body of `request`; null if it is a large one that went into memory.
  std::shared_ptr<Upload> upload_of(Request& request, store::Store& store);
  void load(Request request, std::shared_ptr<Reply> reply);
  void boot(Request request, std::shared_ptr<Reply> reply);
  void backup(Request request, std::shared_ptr<Reply> reply);
  void snapshot(Request request, std::shared_ptr<Reply> reply);

  const Options options_;
  const Clock& clock_;
  std::atomic<std::int64_t> last_backup_{0};  // seconds since 1970; 0: none
  Worker uploads_{"uploads"};
  std::atomic<store::Store*> store_{nullptr};
  std::atomic<queue::WriteQueue*> queue_{nullptr};
};

}  // namespace rqlite::http
