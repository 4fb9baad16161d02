#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/check.h"
#include "base/mutex.h"
#include "net/server.h"
#include "net/tls_context.h"

namespace rqlite::discovery {

// A server that does what Consul's documentation says of its key/value store, as far as it is
// needed: GET with `raw`, PUT with and without `cas=0`; and 403 without the right token.
// Thread-safe.
class ConsulStandIn final : public net::Handler {
 public:
  explicit ConsulStandIn(std::string token = "", net::TlsContext* tls = nullptr)
      : token_(std::move(token)) {
    net::Server::Options options;
    options.host = "127.0.0.1";
    options.port = "0";
    options.thread_name = "consul";
    options.tls = tls;
    Result<std::unique_ptr<net::Server>> server = net::Server::listen(options, *this);
    CHECK(server.ok());
    server_ = *std::move(server);
    server_->start();
  }
  ~ConsulStandIn() override {
    let_go();
    server_->stop(std::chrono::seconds(1));
    server_->join();
  }

  [[nodiscard]] std::string address() const { return server_->address(); }
  // Empty: it is not there.
  [[nodiscard]] std::string value(const std::string& key) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const auto found = values_.find(key);
    return found == values_.end() ? "" : found->second;
  }
  // Blocks until the key has that value.
  void await(const std::string& key, const std::string& value) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (values_[key] != value) changed_.wait(mutex_);
  }
  void erase(const std::string& key) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    values_.erase(key);
  }
  // Requests are received and not answered from now on.
  void fall_silent() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    silent_ = true;
  }
  void await_silence() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (held_ == nullptr) changed_.wait(mutex_);
  }

  void handle(net::Request request, std::shared_ptr<net::Reply> reply) override EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (silent_) {
      held_ = std::move(reply);
    } else {
      reply->send(answer(request));
    }
    changed_.notify_all();
  }

 private:
  // A reply must not outlive the server's threads.
  void let_go() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    held_ = nullptr;
  }
  net::Response answer(const net::Request& request) REQUIRES(mutex_) {
    constexpr std::string_view kPrefix = "/v1/kv/";
    if (!request.path.starts_with(kPrefix)) return net::Response::bare(404);
    if (!token_.empty()) {
      const auto tokens = request.headers->values("X-Consul-Token");
      if (tokens.empty() || tokens.front() != token_) {
        return net::Response::text(403, "Permission denied");
      }
    }
    const std::string key = request.path.substr(kPrefix.size());
    if (request.method == "GET") {
      const auto found = values_.find(key);
      if (found == values_.end()) return net::Response::bare(404);
      CHECK(request.raw_query.starts_with("raw&"));
      return {200, "application/octet-stream", {}, found->second};
    }
    CHECK(request.method == "PUT");
    const bool only_if_absent = request.raw_query.starts_with("cas=0");
    if (only_if_absent && values_.contains(key)) return net::Response::json("false");
    values_[key] = request.body;
    return net::Response::json("true");
  }

  const std::string token_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::string> values_ GUARDED_BY(mutex_);
  bool silent_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<net::Reply> held_ GUARDED_BY(mutex_);

  std::unique_ptr<net::Server> server_;  // last: its threads use the rest
};

}  // namespace rqlite::discovery
