#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "net/header_fields.h"

namespace rqlite::net {

class Socket;
class TlsDialer;

// Gives the body of a request piece by piece, as fast as the peer takes it.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // Calls `then` once, at once or later, on whatever thread, with the next piece; an empty one is
  // the end, and an error ends the call with it. On the client's thread, which must not be blocked;
  // not called again before `then` was.
  using Then = std::function<void(Result<Bytes>)>;
  virtual void next(Then then) = 0;
};

// A request to a peer.
struct Call {
  std::string address;         // "host:port", with brackets around an IPv6 address
  std::string method = "GET";  // what it may be is up to the peer
  std::string target = "/";    // path and query as they are to be sent
  HeaderFields headers = {};   // besides Host and those that say how long the body is
  Bytes body = {};             // or
  std::shared_ptr<BodySource> source = nullptr;
  // For each step of sending, and each of receiving, from now on until there is progress.
  std::chrono::nanoseconds timeout = std::chrono::seconds(30);
  // For connecting, if that is to take less than Client::Options::connect_timeout.
  std::chrono::nanoseconds connect_timeout = std::chrono::nanoseconds::max();
  bool fresh = false;  // not over a kept connection
};

// How a call ended.
struct CallEnd {
  // Ok: the answer was received to its end, whatever its status. Otherwise
  // kInvalid: the call cannot be sent as it is; nothing was done;
  // kUnavailable: the peer cannot be reached, or the client is closed, and nothing was sent;
  // kDeadline: a step took longer than the timeout;
  // kTooLarge: the answer passes a bound;
  // kUnknown: it was sent, at least in part, and no whole answer that makes sense came back.
  Status status;
  bool sent = false;   // whether any byte of the request may have reached the peer
  bool whole = false;  // whether all of them may have
  bool stale = false;  // a kept connection broke before a byte of the answer came, so that a fresh
                       // one is worth a try
};

// Takes the answer to a call. All methods are called on the client's thread, which must not be
// blocked.
class Receiver {
 public:
  virtual ~Receiver() = default;
  // Once, unless the call fails before.
  virtual void head(int status, const HeaderFields& headers) = 0;
  // A part of the body, which is not empty. The next one comes after `resume` was called, on
  // whatever thread; until then nothing more is read.
  using Resume = std::function<void()>;
  virtual void piece(Bytes piece, Resume resume) = 0;
  // Once, and last.
  virtual void finished(const CallEnd& end) = 0;
};

// An answer as a whole.
struct ClientResponse {
  int status = 0;
  HeaderFields headers;
  Bytes body;
};

// What became of a call whose answer was wanted as a whole.
struct CallResult {
  Result<ClientResponse> response;  // its error as CallEnd says
  bool sent = false;
  bool stale = false;
};

// A connection that the peer has agreed to make something else. It works on the client's thread,
// where all that is done to it must be done, and must be closed before the client is, and destroyed
// before the client is destroyed. Nobody else looks after it.
struct Upgraded {
  Upgraded(std::unique_ptr<Socket> socket, Bytes received);
  Upgraded(Upgraded&& other) noexcept;
  ~Upgraded();

  std::unique_ptr<Socket> socket;
  Bytes received;  // what came on it behind the answer
};

// What became of a call that was to upgrade its connection.
struct UpgradeResult {
  Result<Upgraded> upgraded;  // its error as CallEnd says; kInvalid also: the peer answered that it
                              // will not, and kUnavailable, that it cannot, and its words are there
  int status = 0;             // of the answer, if there was one
};

// The way to give a call up. May outlive the client.
class CallHandle {
 public:
  CallHandle() = default;
  explicit CallHandle(std::function<void()> give_up) : give_up_(std::move(give_up)) {}
  // Ends the call, unless it has ended, and closes its connection: finished() is called with an
  // error, and nothing before that. Thread-safe.
  void give_up() const {
    if (give_up_) give_up_();
  }

 private:
  std::function<void()> give_up_;
};

// The connections to one address.
struct ClientReport {
  std::string address;
  std::size_t open = 0;            // idle ones included
  std::size_t idle = 0;            // kept for the next call
  std::uint64_t dials = 0;         // ever begun
  std::uint64_t failed_dials = 0;  // of these
  std::uint64_t dead = 0;          // kept ones that were found closed by the peer
  std::uint64_t fresh = 0;         // calls that asked for a new one: Call::fresh
  std::uint64_t send_timeouts = 0;
  std::uint64_t receive_timeouts = 0;
};

// An HTTP/1.1 client: how nodes talk to each other, and to etcd and Consul.
//
// Connections are kept for the next call to the same address, after an answer that was read to its
// end; one that the peer has closed meanwhile is noticed before a request is sent over it. No call
// is ever sent twice: whether that may be done, the caller knows. Redirections are answers like
// others.
//
// Threads: one of its own, on which everything is called back; all methods from any. Bounds: on the
// head of an answer and on idle connections; what else is under way is up to the callers.
class Client {
 public:
  struct Options {
    // For looking the name up, connecting, and shaking hands together.
    std::chrono::nanoseconds connect_timeout = std::chrono::seconds(30);
    std::size_t idle_connections_max = 64;  // for an address
    // Less than the 30 s after which a server closes its side, or calls would meet that moment.
    std::chrono::nanoseconds idle_max = std::chrono::seconds(25);
    std::size_t head_bytes_max = 64 << 10;  // of an answer
    // How TLS is spoken, to all; null: it is not. Must outlive the client.
    TlsDialer* tls = nullptr;
    std::string thread_name = "peer-client";
  };

  explicit Client(Options options);
  // Closes it.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends a call. After close() the receiver hears at once, on this thread, that it is too late.
  CallHandle call(Call call, std::shared_ptr<Receiver> receiver);
  // The same for an answer whose body has at most `bytes_max` bytes, and is wanted as a whole.
  using Done = std::function<void(CallResult)>;
  CallHandle fetch(Call call, std::size_t bytes_max, Done done);
  // Likewise, but blocks until it is done. Not on the client's thread.
  CallResult fetch(Call call, std::size_t bytes_max);

  // Asks to make a new connection one of `protocol`; the call has no body, and says nothing about
  // this in its headers. `then` is called on the client's thread, once.
  using Then = std::function<void(UpgradeResult)>;
  CallHandle upgrade(Call call, const std::string& protocol, Then then);

  // Runs `work` on the client's thread, not on this stack, when `delay` is over, or when the client
  // is closed before. False: it is closed already, and it never will.
  bool later(std::chrono::nanoseconds delay, std::function<void()> work);

  // By address.
  [[nodiscard]] std::vector<ClientReport> report() const;

  // Gives up all calls, and waits for the thread, which ends: streams over upgraded connections are
  // to be closed before, and then have ended when this returns.
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rqlite::net
