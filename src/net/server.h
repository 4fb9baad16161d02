#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/message.h"

namespace rqlite::net {

class TlsContext;

// Bounds on what one client can make the server hold, and for how long.
struct ServerLimits {
  std::size_t header_bytes_max = 1 << 20;
  std::size_t header_lines_max = 1024;         // each takes more memory than it has bytes
  std::size_t body_bytes_max = 256 << 20;      // of one request
  std::size_t all_bytes_max = 1024 << 20;      // of all requests that are being received
  std::size_t connections_max = 16384;         // upgraded ones count
  std::chrono::seconds handshake_timeout{10};  // of TLS, from the connection on
  std::chrono::seconds header_timeout{20};     // from a request's first byte to its headers' end
  std::chrono::seconds body_timeout{30};       // for each 4 KiB of a body to arrive
  std::chrono::seconds idle_timeout{300};      // between requests
  std::chrono::seconds write_timeout{60};      // for each 256 KiB of a response to be taken
};

// The HTTP/1.1 port, over TLS or in clear: accepts connections, reads requests, and writes what the
// handler answers.
//
// Threads: `Options::threads` of its own, each with the connections it was given; all methods from
// any one thread, but for report(), which is for any. Stop: stop() lets requests that were received
// be answered; join() ends the threads, which until then serve whoever still has something to send.
class Server {
 public:
  struct Options {
    std::string host;  // to bind; empty: all interfaces
    std::string port;
    std::size_t threads = 1;
    std::string thread_name = "http";  // of which they are the -1, -2 and so on
    ServerLimits limits;
    TlsContext* tls = nullptr;  // of a TLS port; must outlive the server
    // Headers that every routed response carries.
    std::vector<std::pair<std::string, std::string>> headers;
  };

  // Binds and listens: clients may connect, and wait. `handler` must outlive the server.
  static Result<std::unique_ptr<Server>> listen(Options options, Handler& handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves from now on. Once.
  void start();

  // Accepts no more connections and closes those that are idle, waits until the others are
  // answered, at most `patience`, and closes what is left. The handler is not called afterwards.
  void stop(std::chrono::nanoseconds patience);
  // Ends the threads: nothing that was posted to them runs any more. After stop().
  void join();

  struct Report {
    std::size_t connections;    // that are open, with those that were upgraded
    std::uint64_t taken;        // ever
    std::uint64_t turned_away;  // for there were ServerLimits::connections_max
  };
  [[nodiscard]] Report report() const;

  // As bound, "host:port".
  [[nodiscard]] std::string address() const;

  class Impl;

 private:
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rqlite::net
