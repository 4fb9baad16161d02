#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "net/parameters.h"

namespace rqlite::net {

class Socket;

// The header fields of a request.
class Headers {
 public:
  virtual ~Headers() = default;
  // The values of all fields of that name, which is compared without regard to case, in order.
  [[nodiscard]] virtual std::vector<std::string_view> values(std::string_view name) const = 0;
  // The same fields, for as long as they are held.
  [[nodiscard]] virtual std::shared_ptr<const Headers> keep() const = 0;
};

// Takes a request's body as it arrives.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // Takes the next piece, and calls `done`, on whatever thread, when it is ready for another. Not
  // ok: the body cannot be taken, and the text is for the client. On the connection's thread, which
  // must not be blocked.
  virtual void write(Bytes piece, std::function<void(const Status&)> done) = 0;
};

// A request as handlers see it.
struct Request {
  std::string method;
  std::string path;       // decoded
  std::string raw_query;  // as received, without the `?`
  Parameters parameters;
  std::string content_type;
  std::string upgrade;  // what the client would rather speak, as it says it; empty: just this
  Bytes body;           // unless
  std::shared_ptr<BodySink> taken;   // has taken it
  const Headers* headers = nullptr;  // lives until Handler::handle() returns
  bool passed_on = false;            // by another node, which has it from a client
};

inline constexpr std::string_view kJsonType = "application/json; charset=utf-8";
inline constexpr std::string_view kTextType = "text/plain; charset=utf-8";

// What goes back to the client.
struct Response {
  int status = 200;
  std::string_view content_type;  // a constant; empty: no such header
  std::vector<std::pair<std::string_view, std::string>> headers;
  Bytes body;

  // A JSON text, as it is.
  static Response json(Bytes text) { return {200, kJsonType, {}, std::move(text)}; }
  // A message for people: the text and a line end.
  static Response text(int status, std::string message);
  // No body.
  static Response bare(int status, std::string_view content_type = {}) {
    return {status, content_type, {}, {}};
  }
};

// Makes a response when it is time to send it, on the connection's thread.
class ResponseMaker {
 public:
  virtual ~ResponseMaker() = default;
  virtual Response make() = 0;
};

// The rest of a response whose body comes in pieces. Used by one thread at a time, which must not
// be an HTTP thread: it waits for a client that takes its time. Gone without finish(), the client
// finds the body cut short.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  // False: the client is gone, or took too little for too long; there is no use in going on.
  virtual bool write(BytesView piece) = 0;
  virtual void finish() = 0;
};

// The way back to the client of one request: the first response sent is the one. Thread-safe;
// outlives the connection if need be.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual void send(Response response) = 0;
  virtual void send(std::unique_ptr<ResponseMaker> maker) = 0;
  // Sends all but the body, whose first piece `head` may carry. What comes after another response
  // is accepted, and dropped.
  virtual std::unique_ptr<BodyStream> begin(Response head) = 0;
  // Answers 101 (Switching Protocols), and with that the connection is no client of HTTP any more:
  // on its thread `then` is given the socket, with its TLS if there is any, and what came on it
  // behind the request, which is already of `protocol`. To a request with Request::upgrade only.
  // `then` is not called if the client goes away before, or the server stops, which lets go of it.
  //
  // The socket is the receiver's to read, to write and to close; nobody else looks after it, and
  // no limit but ServerLimits::connections_max, to which it counts until it is destroyed, holds
  // for it. It works on the server's threads: it must be closed before Server::join(), which ends
  // them, and destroyed before the server is. Server::stop() does not wait for it.
  using Takeover = std::function<void(std::unique_ptr<Socket>, Bytes received)>;
  virtual void upgrade(std::string protocol,
                       std::vector<std::pair<std::string_view, std::string>> headers,
                       Takeover then) = 0;
  // Runs `work` on the connection's thread, after what waits for that thread already.
  virtual void post(std::function<void()> work) = 0;
  // Sends what `make` returns, if anything, unless another response was sent within `delay`. To be
  // called at most once, on the connection's thread, which is the one that calls the handler.
  using LateResponse = std::function<std::optional<Response>()>;
  virtual void send_after(std::chrono::nanoseconds delay, LateResponse make) = 0;
  // Calls `gone`, at most once, on the connection's thread, when the client has gone away before a
  // response was sent; it is noticed within a second or two. To be called on the connection's
  // thread. Nothing that is sent afterwards arrives.
  virtual void on_gone(std::function<void()> gone) = 0;
};

// What answers requests. Threads: the HTTP threads, which must not be blocked.
class Handler {
 public:
  virtual ~Handler() = default;
  // Answers through `reply`, now or later.
  virtual void handle(Request request, std::shared_ptr<Reply> reply) = 0;
  // What is to become of a request whose body has not come yet.
  struct Admission {
    std::optional<Response> refusal;  // which the body cannot change; the connection ends
    std::shared_ptr<BodySink> sink;   // who takes the body; null: it stays in memory
  };
  // Tells that of `head`, a request without its body, by calling `then`, once, at once or later, on
  // whatever thread. What is admitted comes to handle() when it is whole.
  virtual void admit([[maybe_unused]] Request head, std::function<void(Admission)> then) {
    then({});
  }
};

}  // namespace rqlite::net
