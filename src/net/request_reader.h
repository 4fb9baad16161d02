#pragma once

#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "net/growing_body.h"
#include "net/head_lines.h"
#include "net/message.h"
#include "net/server.h"

namespace rqlite::net {

// Finds the requests in what a connection receives, one after the other, and sees to it that they
// keep to the bounds. It does no I/O: bytes are put into room() and counted by received(), then
// next() tells how far the request is. Not thread-safe.
class RequestReader {
 public:
  // `received_bytes` is what all connections hold of requests together; what is counted there is
  // given back, at the latest by the destructor.
  RequestReader(const ServerLimits& limits, std::atomic<std::size_t>& received_bytes)
      : limits_(limits), received_bytes_(received_bytes) {}
  ~RequestReader() { give_back(); }
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Goes on to the next request, of which bytes may have been received behind the last one.
  void begin();
  // Whether there are bytes that were not used.
  [[nodiscard]] bool has_more() const { return buffer_.size() > 0; }
  [[nodiscard]] boost::asio::mutable_buffer room();
  // So many bytes were put into room().
  void received(std::size_t bytes);

  enum class Event {
    kNeedsMore,  // to go on
    kHead,       // was received, with more to come: pass_body_on() or keep_body() says what to do
                 // with it, and must be called before the next next()
    kPiece,      // of a body that is passed on is there for take_piece()
    kWhole,      // the request is
    kRefused,    // it is no request, or too much of one: see refusal()
  };
  Event next();

  // What the client is told when the request is refused, which ends the connection.
  struct Refusal {
    int status;
    std::string_view reason;  // in the status line
    std::string_view body;
  };
  static constexpr Refusal kBadRequest{400, "Bad Request", "400 Bad Request"};
  static constexpr Refusal kTooLarge{413, "Request Entity Too Large",
                                     "413 Request Entity Too Large"};
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }

  // The rest is for a request whose head was received.

  // Whether the head is complete.
  [[nodiscard]] bool has_head() const { return has_head_; }
  // The request without its body and its headers. Nothing: its path cannot be read.
  [[nodiscard]] std::optional<Request> head() const;
  [[nodiscard]] const boost::beast::http::fields& fields() const { return parser_->get(); }
  // Whether the client of this version of HTTP would go on after the response.
  [[nodiscard]] bool keeps_alive() const { return parser_->get().keep_alive(); }
  [[nodiscard]] bool is_http_1_0() const { return parser_->get().version() == 10; }
  // Whether the client waits to be told that it may send the body.
  [[nodiscard]] bool expects_continue() const;

  // The body comes in pieces: somebody else holds it.
  void pass_body_on() { passes_on_ = true; }
  // The body stays here. False: what the client announces is too much, and the request is refused
  // with kTooLarge.
  bool keep_body();
  Bytes take_piece();

  // The request with its fields and its body. Once, when it is whole.
  using Message = boost::beast::http::request<GrowingBody>;
  Message take();

  // The bytes that were not used, when nothing of them is for us.
  Bytes take_rest();
  // Forgets all that was received, but for what has been given out.
  void drop();
  // What was received of the request is no longer held, as far as the counting goes.
  void give_back();

 private:
  using Parser = boost::beast::http::request_parser<GrowingBody>;

  // Before the parser sees them: the bytes of the buffer but for the first `seen`.
  void look_at_head(std::size_t seen);
  // Gives the parser what was received. It takes a head by itself, and what follows together.
  boost::system::error_code feed();
  // The head is there. What is wrong with it is in refusal_.
  void check_head();
  // The body is there.
  Event end_whole();
  Event refuse(const Refusal& refusal);
  Event refuse_for(const boost::system::error_code& error);
  // Counts what is held of the request. False: all requests together are too much.
  bool charge();

  const ServerLimits& limits_;
  std::atomic<std::size_t>& received_bytes_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  HeadLines head_lines_;
  // Of a request in chunks, behind which there may be more fields.
  std::optional<boost::beast::http::request_header<>> head_before_trailer_;
  bool has_head_ = false;
  bool passes_on_ = false;
  bool passed_all_ = false;  // of the body, to whoever takes it
  bool refused_ = false;
  Refusal refusal_ = kBadRequest;
  std::size_t charged_ = 0;  // of received_bytes_
};

}  // namespace rqlite::net
