#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/host_port.h"
#include "net/link.h"
#include "net/lookup.h"
#include "net/tls_dialer.h"

namespace rqlite::net {

// One attempt to connect to an address: looks its name up, tries the addresses that it has one
// after the other, each with its share of the time, and shakes hands over the first that answers if
// there is TLS. The error is the first one's, in words that users of rqlite know; its code is
// kUnavailable, or kInvalid if it is no address.
//
// Held by a shared_ptr. Threads: that of its io_context.
class Dial : public std::enable_shared_from_this<Dial> {
 public:
  using Then = std::function<void(Result<std::unique_ptr<Link>>)>;

  struct Means {
    boost::asio::io_context& io;
    Lookup& lookup;
    TlsDialer* tls;  // null: in clear
  };
  // What `means` names must outlive it.
  Dial(const Means& means, std::string address, std::chrono::nanoseconds timeout, Then then);

  // Calls `then` once, at once or later, unless it is given up.
  void start();
  void give_up();

 private:
  using Error = boost::system::error_code;
  using Endpoint = boost::asio::ip::tcp::endpoint;

  void on_found(const Lookup::Found& found);
  void try_next();
  void on_connected(const Error& error);
  void on_handshake(const Error& error);
  // The step that is under way has until then.
  void set_deadline(TimePoint deadline);
  void on_timeout();
  void fail(Code code, const std::string& why);
  void end(Result<std::unique_ptr<Link>> outcome);

  const Means means_;
  const std::string address_;
  const std::chrono::nanoseconds timeout_;
  Then then_;  // null: it has ended
  TimePoint deadline_;
  std::optional<HostPort> target_;
  std::vector<Endpoint> endpoints_;
  std::size_t next_ = 0;                             // of endpoints_
  std::string first_error_;                          // of those that were tried
  std::optional<boost::asio::ip::tcp::socket> tcp_;  // that connects
  std::unique_ptr<Link> link_;                       // that shakes hands
  boost::asio::steady_timer timer_;
};

}  // namespace rqlite::net
