#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/message.h"
#include "net/server.h"
#include "net/tls_context.h"

namespace rqlite::cluster {

// Another node's port, which answers as the test says and keeps what it was asked.
class PeerStandIn final : public net::Handler {
 public:
  struct Asked {
    std::string method;
    std::string target;  // "path?query", decoded but for the query
    Bytes body;
    std::shared_ptr<const net::Headers> headers;

    [[nodiscard]] std::string header(std::string_view name) const {
      const auto values = headers->values(name);
      return values.size() == 1 ? std::string(values[0]) : "";
    }
  };
  // Called for each request, on the port's thread. Null: it is silent.
  using Answer = std::function<void(const Asked&, const std::shared_ptr<net::Reply>&)>;

  // With `tls`, which must outlive it, it speaks that alone.
  explicit PeerStandIn(Answer answer = nullptr, net::TlsContext* tls = nullptr)
      : answer_(std::move(answer)) {
    net::Server::Options options;
    options.host = "127.0.0.1";
    options.port = "0";
    options.tls = tls;
    server_ = *net::Server::listen(std::move(options), *this);
    server_->start();
  }
  ~PeerStandIn() override {
    stop();
    // While there is a server, to which they belong.
    std::vector<std::shared_ptr<net::Reply>> unanswered;
    MutexLock lock(mutex_);
    unanswered.swap(unanswered_);
  }
  PeerStandIn(const PeerStandIn&) = delete;

  [[nodiscard]] std::string address() const { return server_->address(); }
  void answer(Answer answer) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    answer_ = std::move(answer);
  }
  // All requests so far, in order.
  std::vector<Asked> asked() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return asked_;
  }
  void wait_until_asked(std::size_t times) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (asked_.size() < times) was_asked_.wait(mutex_);
  }
  // Never answers: if nobody had the reply any more, the server would.
  void leave(std::shared_ptr<net::Reply> reply) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    unanswered_.push_back(std::move(reply));
  }
  // Closes all connections, and accepts none any more; nothing is asked of the test any more, once
  // it returns.
  void stop() {
    server_->stop(std::chrono::nanoseconds(0));
    server_->join();
  }

  void handle(net::Request request, std::shared_ptr<net::Reply> reply) override EXCLUDES(mutex_) {
    Asked asked{request.method, request.path, request.body, request.headers->keep()};
    if (!request.raw_query.empty()) asked.target += "?" + request.raw_query;
    Answer answer;
    {
      MutexLock lock(mutex_);
      asked_.push_back(asked);
      was_asked_.notify_all();
      answer = answer_;
    }
    if (answer) {
      answer(asked, reply);
    } else {
      leave(std::move(reply));
    }
  }

 private:
  CondVar was_asked_;
  Mutex mutex_;
  Answer answer_ GUARDED_BY(mutex_);
  std::vector<Asked> asked_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<net::Reply>> unanswered_ GUARDED_BY(mutex_);
  std::unique_ptr<net::Server> server_;
};

}  // namespace rqlite::cluster
