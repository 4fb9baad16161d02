#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "net/growing_body.h"
#include "net/head_lines.h"
#include "net/message.h"
#include "net/outflow.h"
#include "net/server.h"
#include "net/socket.h"
#include "net/tls_context.h"

namespace rqlite::net {

class Connection;

// What the connections of one thread share. Touched on that thread alone, but for `received_bytes`,
// which all threads share.
struct ConnectionContext {
  const ServerLimits& limits;
  Handler& handler;
  const std::string& fixed_headers;  // of every routed response, each with its line end
  std::atomic<std::size_t>& received_bytes;
  TlsContext* tls;  // null: plain
  std::list<std::weak_ptr<Connection>> connections;
  bool stopping = false;
};

// One client's connection: shakes hands if there is TLS, reads a request, has it handled, writes
// the response, and so on, in order, until it ends or becomes something else. Threads: that of its
// io_context.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Socket socket, ConnectionContext& context);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  // Closes it if it has been at one thing for too long, or if its client has gone away while a
  // request waits that wants to know.
  void check(TimePoint now);
  // Closes it as soon as no request is being answered.
  void finish();
  // Closes it at once.
  void close();

 private:
  using Parser = boost::beast::http::request_parser<GrowingBody>;
  class ReplyToThis;
  class StreamToThis;

  enum class State { kHandshake, kIdle, kReading, kHandling, kWriting };

  void begin_handshake();
  void on_first_byte(const boost::system::error_code& error, char byte);
  void on_handshake(const boost::system::error_code& error, const std::string& client);
  // For whoever speaks HTTP in clear where TLS is spoken.
  void refuse_clear_text();
  void begin_request();
  void read_some();
  // Before the parser sees them: the bytes of the buffer but for the first `seen`. False: the
  // request is refused.
  bool look_at_head(std::size_t seen);
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  // Gives the parser what was received. It takes a head by itself, and what follows together.
  boost::system::error_code feed();
  // Goes on with what was received.
  void parse();
  void on_headers();
  // The request whose headers were received. Nothing: its path cannot be read.
  std::optional<Request> read_head();
  // The client has the body timeout from now on.
  void begin_body_step();
  void refuse_head_as_too_large();
  void on_parse_error(const boost::system::error_code& error);
  void handle();
  // The handler has looked at the request's head.
  void on_admitted(Handler::Admission admission);
  // Goes on with the body, unless parse() itself does.
  void read_on();
  // Gives what has come of the body to whoever takes it, and goes on when that is done.
  void pass_body_on();
  // Counts what is held of the request. False: all requests together are too much.
  bool charge();
  void uncharge();
  void respond(Response response);
  // The same, with a body that is still being made.
  void begin_stream(Response head, std::shared_ptr<Outflow> outflow);
  // Answers that the protocol changes, and hands the socket over.
  void upgrade(std::string_view protocol, Response head, Reply::Takeover then);
  void hand_over();
  // The status line and the headers. True if the connection is to end behind the response.
  bool start_output(const Response& response);
  // Of the body, as a chunk if that is how it goes.
  void append_piece(BytesView piece);
  // Sends what there is of the body, or waits to be woken.
  void send_stream();
  // Of the request that is being handled.
  boost::asio::steady_timer& timer();
  void answer_for_server();
  void refuse(int status, std::string_view reason, std::string_view body);
  // Writes output_, then goes on with the next request, the stream, or the end.
  void write(bool close_after);
  void write_some();
  // The client has the write timeout from now on.
  void begin_write_step();
  // Of a stream, whose maker is let go of.
  std::shared_ptr<Connection> end_stream();
  void on_written();
  // Ends our side of the connection.
  void end();
  void on_end();
  void linger();

  Socket socket_;
  ConnectionContext& context_;
  std::list<std::weak_ptr<Connection>>::iterator registered_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  HeadLines head_lines_;
  // Of a request in chunks, behind which there may be more fields.
  std::optional<boost::beast::http::request_header<>> head_before_trailer_;
  bool headers_seen_ = false;
  bool parsing_ = false;   // in parse(), which goes on by itself
  bool received_ = false;  // the whole request
  bool keep_alive_ = true;
  bool head_ = false;  // a HEAD request: the response has no body
  bool asks_to_upgrade_ = false;
  bool closing_ = false;
  State state_ = State::kIdle;
  TimePoint deadline_;
  std::size_t charged_ = 0;           // of received_bytes
  std::size_t received_in_step_ = 0;  // of the body, since the deadline was last set
  std::shared_ptr<BodySink> sink_;    // who takes the body, if it does not stay in memory
  std::string output_;
  std::size_t written_ = 0;          // of output_
  std::size_t written_in_step_ = 0;  // of the response, since the deadline was last set
  bool close_after_ = false;
  std::shared_ptr<Outflow> outflow_;  // of a response whose body is still being made; meanwhile
  std::shared_ptr<Connection> self_;  // nothing else may hold the connection
  bool chunked_ = false;
  Reply::Takeover takeover_;  // of a connection whose client is being told that it is upgraded
  std::optional<boost::asio::steady_timer> timer_;  // made when a request first needs it
  // Of the request that is being handled, if it wants to know.
  std::function<void()> gone_;
  std::weak_ptr<ReplyToThis> gone_reply_;
};

}  // namespace rqlite::net
