#include "net/server.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <future>
#include <list>
#include <optional>
#include <thread>

#include "base/log.h"
#include "base/thread.h"
#include "net/connection.h"
#include "net/socket.h"

namespace rqlite::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

// How often connections are looked at for having taken too long.
constexpr auto kSweepEvery = 1s;
// After the process ran out of files.
constexpr auto kAcceptPause = 100ms;

std::string fixed_headers(const Server::Options& options) {
  std::string text;
  for (const auto& [name, value] : options.headers) text += name + ": " + value + "\r\n";
  return text;
}

// One more of something, for as long as it lives.
class Counted {
 public:
  explicit Counted(std::atomic<std::size_t>& number) : number_(number) { number_++; }
  ~Counted() { number_--; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<std::size_t>& number_;
};

}  // namespace

class Server::Impl {
 public:
  Impl(Options options, Handler& handler)
      : options_(std::move(options)), fixed_headers_(fixed_headers(options_)), handler_(handler) {}
  ~Impl() { join(); }

  Status listen();
  void start();
  void stop(std::chrono::nanoseconds patience);
  void join();
  [[nodiscard]] Report report() const { return {sockets_, taken_, turned_away_}; }
  [[nodiscard]] std::string address() const { return address_; }

 private:
  // One thread's share of the connections.
  struct Lane {
    explicit Lane(Impl& impl)
        : context{impl.options_.limits,
                  impl.handler_,
                  impl.fixed_headers_,
                  impl.received_bytes_,
                  impl.options_.tls,
                  {},
                  false} {}
    ConnectionContext context;  // outlives the connections, the last of which go with `io`
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    asio::steady_timer sweep{io};
    Thread thread;
  };

  void accept();
  void take(tcp::socket socket, Lane& lane);
  void sweep(Lane& lane);
  // Runs `work` on each lane's thread, one after the other, and waits for it.
  void on_all_lanes(const std::function<void(Lane&)>& work);

  const Options options_;
  const std::string fixed_headers_;
  Handler& handler_;
  std::string address_;
  std::atomic<std::size_t> received_bytes_{0};
  std::atomic<std::size_t> sockets_{0};
  std::atomic<std::size_t> connections_{0};  // whose sockets were not handed over
  std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> turned_away_{0};
  std::list<Lane> lanes_;
  std::optional<tcp::acceptor> acceptor_;  // of the first lane
  std::optional<asio::steady_timer> accept_again_;
  std::list<Lane>::iterator next_lane_;
  bool started_ = false;
  bool stopped_ = false;
};

Status Server::Impl::listen() {
  for (std::size_t i = 0; i < std::max<std::size_t>(1, options_.threads); i++) {
    lanes_.emplace_back(*this);
  }
  next_lane_ = lanes_.begin();
  asio::io_context& io = lanes_.front().io;
  boost::system::error_code error;
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(
      options_.host, options_.port,
      options_.host.empty() ? tcp::resolver::passive : tcp::resolver::flags(), error);
  if (error || found.empty()) {
    return {Code::kFailed, "listen tcp: lookup " + options_.host + ": " + error.message()};
  }
  // Of several addresses IPv4 comes first, which is what clients of "localhost" try.
  tcp::endpoint endpoint = found.begin()->endpoint();
  for (const auto& each : found) {
    if (each.endpoint().address().is_v4()) {
      endpoint = each.endpoint();
      break;
    }
  }
  acceptor_.emplace(io);
  if (options_.host.empty()) {
    // All interfaces, of both families where the system has both.
    const tcp::endpoint any(tcp::v6(), endpoint.port());
    acceptor_->open(tcp::v6(), error);
    if (!error) acceptor_->set_option(asio::ip::v6_only(false), error);
    if (error) {
      error = {};
      if (acceptor_->is_open()) acceptor_->close();
      endpoint = tcp::endpoint(tcp::v4(), endpoint.port());
      acceptor_->open(tcp::v4(), error);
    } else {
      endpoint = any;
    }
  } else {
    acceptor_->open(endpoint.protocol(), error);
  }
  if (!error) acceptor_->set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_->bind(endpoint, error);
  if (!error) acceptor_->listen(4096, error);
  if (error) {
    return {Code::kFailed,
            "listen tcp " + options_.host + ":" + options_.port + ": " + error.message()};
  }
  const tcp::endpoint bound = acceptor_->local_endpoint(error);
  address_ = (bound.address().is_v6() ? "[" + bound.address().to_string() + "]"
                                      : bound.address().to_string()) +
             ":" + std::to_string(bound.port());
  accept_again_.emplace(io);
  return {};
}

void Server::Impl::start() {
  started_ = true;
  accept();
  int number = 1;
  for (Lane& lane : lanes_) {
    sweep(lane);
    lane.thread =
        Thread(options_.thread_name + "-" + std::to_string(number++), [&lane] { lane.io.run(); });
  }
}

void Server::Impl::accept() {
  Lane& lane = *next_lane_;
  if (++next_lane_ == lanes_.end()) next_lane_ = lanes_.begin();
  acceptor_->async_accept(
      lane.io, [this, &lane](const boost::system::error_code& error, tcp::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (error) {
          // Out of files, most likely: others have to close theirs first.
          accept_again_->expires_after(kAcceptPause);
          accept_again_->async_wait([this](const boost::system::error_code& cancelled) {
            if (!cancelled) accept();
          });
          return;
        }
        if (sockets_ < options_.limits.connections_max) {
          take(std::move(socket), lane);
        } else {
          turned_away_++;
        }
        accept();
      });
}

void Server::Impl::take(tcp::socket socket, Lane& lane) {
  connections_++;
  taken_++;
  Socket counted(std::move(socket), std::make_shared<Counted>(sockets_));
  asio::dispatch(lane.io, [this, &lane, counted = std::move(counted)]() mutable {
    // Whoever lets go of it last, it goes on its own thread: it is on the list there.
    std::shared_ptr<Connection> connection(
        new Connection(std::move(counted), lane.context), [this, &lane](Connection* gone) {
          asio::dispatch(lane.io, [this, last = std::unique_ptr<Connection>(gone)]() mutable {
            last.reset();
            connections_--;
          });
        });
    connection->start();
  });
}

void Server::Impl::sweep(Lane& lane) {
  lane.sweep.expires_after(kSweepEvery);
  lane.sweep.async_wait([this, &lane](const boost::system::error_code& error) {
    if (error) return;
    const TimePoint now = std::chrono::steady_clock::now();
    // A connection that is closed may leave the list at once: look ahead before.
    for (auto each = lane.context.connections.begin(); each != lane.context.connections.end();) {
      const std::shared_ptr<Connection> connection = (each++)->lock();
      if (connection) connection->check(now);
    }
    sweep(lane);
  });
}

void Server::Impl::stop(std::chrono::nanoseconds patience) {
  if (!started_ || std::exchange(stopped_, true)) return;
  asio::post(lanes_.front().io, [this] {
    accept_again_->cancel();
    boost::system::error_code ignored;
    acceptor_->close(ignored);
  });
  for (Lane& lane : lanes_) {
    asio::post(lane.io, [&lane] {
      lane.context.stopping = true;
      for (auto each = lane.context.connections.begin(); each != lane.context.connections.end();) {
        const std::shared_ptr<Connection> connection = (each++)->lock();
        if (connection) connection->finish();
      }
    });
  }
  const TimePoint deadline = std::chrono::steady_clock::now() + patience;
  while (connections_ > 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(1ms);
  }
  on_all_lanes([](Lane& lane) {
    for (auto each = lane.context.connections.begin(); each != lane.context.connections.end();) {
      const std::shared_ptr<Connection> connection = (each++)->lock();
      if (connection) connection->close();
    }
  });
  // What was ready to run before the connections were closed has run after this.
  on_all_lanes([](Lane&) {});
}

void Server::Impl::on_all_lanes(const std::function<void(Lane&)>& work) {
  for (Lane& lane : lanes_) {
    std::promise<void> done;
    asio::post(lane.io, [&] {
      work(lane);
      done.set_value();
    });
    done.get_future().wait();
  }
}

void Server::Impl::join() {
  for (Lane& lane : lanes_) {
    lane.work.reset();
    lane.io.stop();
  }
  for (Lane& lane : lanes_) lane.thread.join();
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { stop(0s); }

Result<std::unique_ptr<Server>> Server::listen(Options options, Handler& handler) {
  auto impl = std::make_unique<Impl>(std::move(options), handler);
  if (Status status = impl->listen(); !status.ok()) return status;
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

void Server::start() { impl_->start(); }

void Server::stop(std::chrono::nanoseconds patience) { impl_->stop(patience); }

void Server::join() { impl_->join(); }

Server::Report Server::report() const { return impl_->report(); }

std::string Server::address() const { return impl_->address(); }

}  // namespace rqlite::net
