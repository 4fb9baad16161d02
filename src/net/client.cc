#include "net/client.h"

#include <boost/asio/steady_timer.hpp>
#include <future>
#include <list>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "base/line_end.h"
#include "net/client_loop.h"
#include "net/connection_pool.h"
#include "net/exchange.h"
#include "net/lookup.h"

namespace rqlite::net {
namespace {

constexpr const char* kClosed = "the client is closed";

// Puts an answer together.
class Collector final : public Receiver {
 public:
  explicit Collector(Client::Done done) : done_(std::move(done)) {}

  void head(int status, const HeaderFields& headers) override {
    response_.status = status;
    response_.headers = headers;
  }
  // The only one: that is how it is called.
  void piece(Bytes piece, Resume) override { response_.body = std::move(piece); }
  void finished(const CallEnd& end) override {
    CallResult result{end.status.ok() ? Result<ClientResponse>(std::move(response_))
                                      : Result<ClientResponse>(end.status),
                      end.sent, end.stale};
    done_(std::move(result));
  }

 private:
  const Client::Done done_;
  ClientResponse response_;
};

// Hears why a connection stays what it is.
class Refusal final : public Receiver {
 public:
  // As much as people may want to read of it.
  static constexpr std::size_t kTextBytesMax = 64 * 1024;

  explicit Refusal(Client::Then then) : then_(std::move(then)) {}

  void head(int status, const HeaderFields&) override { status_ = status; }
  void piece(Bytes piece, Resume) override { text_ = std::move(piece); }
  void finished(const CallEnd& end) override {
    then_({end.status.ok() ? why() : end.status, status_});
  }

 private:
  [[nodiscard]] Status why() {
    text_ = without_line_end(std::move(text_));
    return {status_ >= 500 ? Code::kUnavailable : Code::kInvalid,
            "the answer is " + std::to_string(status_) + (text_.empty() ? "" : ": " + text_)};
  }

  const Client::Then then_;
  int status_ = 0;
  Bytes text_;
};

}  // namespace

Upgraded::Upgraded(std::unique_ptr<Socket> its_socket, Bytes came)
    : socket(std::move(its_socket)), received(std::move(came)) {}
Upgraded::Upgraded(Upgraded&&) noexcept = default;
Upgraded::~Upgraded() = default;

class Client::Impl {
 public:
  explicit Impl(Options options)
      : loop_(std::make_shared<ClientLoop>(std::move(options.thread_name))),
        lookup_(loop_->io()),
        pool_(loop_->io(), {options.idle_connections_max, options.idle_max}),
        means_{loop_,
               {loop_->io(), lookup_, options.tls},
               pool_,
               options.connect_timeout,
               options.head_bytes_max} {}
  ~Impl() { close(); }

  CallHandle start(Call call, Exchange::Manner manner, std::shared_ptr<Receiver> receiver);
  bool later(std::chrono::nanoseconds delay, std::function<void()> work);
  [[nodiscard]] bool is_this_thread() const { return loop_->is_this_thread(); }
  [[nodiscard]] std::vector<ClientReport> report() const { return pool_.report(); }
  void close();

 private:
  // First, and so the last to go: what is left of it there belongs to the thread.
  const std::shared_ptr<ClientLoop> loop_;
  bool closed_ = false;

  // Touched on the loop's thread alone, besides what the pool's report() reads.
  Lookup lookup_;
  ConnectionPool pool_;
  Exchange::Means means_;
  std::unordered_set<std::shared_ptr<Exchange>> exchanges_;  // that have not ended
  struct Wait {
    boost::asio::steady_timer timer;
    std::function<void()> work;
  };
  std::list<Wait> waits_;
};

CallHandle Client::Impl::start(Call call, Exchange::Manner manner,
                               std::shared_ptr<Receiver> receiver) {
  // Made on its own thread, and gone there.
  auto made = std::make_shared<std::weak_ptr<Exchange>>();
  const bool accepted =
      loop_->post([this, call = std::move(call), manner, receiver, made]() mutable {
        auto exchange =
            std::make_shared<Exchange>(means_, std::move(call), manner, std::move(receiver),
                                       [this, made] { exchanges_.erase(made->lock()); });
        *made = exchange;
        exchanges_.insert(exchange);
        exchange->start();
      });
  if (!accepted) {
    receiver->finished({{Code::kUnavailable, kClosed}, false, false});
    return {};
  }
  return CallHandle([loop = std::weak_ptr(loop_), made = std::move(made)] {
    const auto alive = loop.lock();
    if (!alive) return;
    alive->post([made] {
      if (const auto exchange = made->lock()) exchange->give_up("the call was given up");
    });
  });
}

bool Client::Impl::later(std::chrono::nanoseconds delay, std::function<void()> work) {
  return loop_->post([this, delay, work = std::move(work)]() mutable {
    if (delay <= std::chrono::nanoseconds(0)) return work();
    waits_.push_back({boost::asio::steady_timer(loop_->io(), delay), std::move(work)});
    waits_.back().timer.async_wait(
        [this, wait = std::prev(waits_.end())](const boost::system::error_code&) {
          const std::function<void()> due = std::move(wait->work);
          waits_.erase(wait);
          due();
        });
  });
}

void Client::Impl::close() {
  if (std::exchange(closed_, true)) return;
  loop_->close([this] {
    for (Wait& each : waits_) each.work();
    while (!exchanges_.empty()) {
      const std::shared_ptr<Exchange> first = *exchanges_.begin();
      first->give_up(kClosed);
    }
    pool_.clear();
  });
}

Client::Client(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Client::~Client() = default;

CallHandle Client::call(Call call, std::shared_ptr<Receiver> receiver) {
  return impl_->start(std::move(call), {}, std::move(receiver));
}

CallHandle Client::fetch(Call call, std::size_t bytes_max, Done done) {
  return impl_->start(std::move(call), {bytes_max}, std::make_shared<Collector>(std::move(done)));
}

CallResult Client::fetch(Call call, std::size_t bytes_max) {
  CHECK(!impl_->is_this_thread());
  std::promise<CallResult> promise;
  fetch(std::move(call), bytes_max,
        [&](CallResult result) { promise.set_value(std::move(result)); });
  return promise.get_future().get();
}

CallHandle Client::upgrade(Call call, const std::string& protocol, Then then) {
  call.fresh = true;
  call.headers.emplace_back("Connection", "Upgrade");
  call.headers.emplace_back("Upgrade", protocol);
  Exchange::Manner manner{Refusal::kTextBytesMax,
                          [then](Upgraded upgraded) { then({std::move(upgraded), 101}); }};
  return impl_->start(std::move(call), std::move(manner),
                      std::make_shared<Refusal>(std::move(then)));
}

bool Client::later(std::chrono::nanoseconds delay, std::function<void()> work) {
  return impl_->later(delay, std::move(work));
}

std::vector<ClientReport> Client::report() const { return impl_->report(); }

void Client::close() { impl_->close(); }

}  // namespace rqlite::net
