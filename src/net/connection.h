#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/message.h"
#include "net/outflow.h"
#include "net/request_reader.h"
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

  [[nodiscard]] boost::asio::any_io_executor executor() { return socket_.executor(); }

  // The rest is for the reply to the request that is being handled.

  // One of these three answers it.
  void respond(Response response);
  // With a body that is still being made.
  void begin_stream(Response head, std::shared_ptr<Outflow> outflow);
  // With another protocol: hands the socket over.
  void upgrade(std::string_view protocol, Response head, Reply::Takeover then);
  // Sends what there is of the body, or waits for the next call.
  void send_stream();
  // Until it is answered:
  void call_later(std::chrono::nanoseconds delay, std::function<void()> late);
  void call_if_gone(std::function<void()> gone) { gone_ = std::move(gone); }

 private:
  enum class State { kHandshake, kIdle, kReading, kHandling, kWriting };

  void begin_handshake();
  void on_first_byte(const boost::system::error_code& error, char byte);
  void on_handshake(const boost::system::error_code& error, const std::string& client);
  // For whoever speaks HTTP in clear where TLS is spoken.
  void refuse_clear_text();

  void begin_request();
  void read_some();
  void on_read(const boost::system::error_code& error, std::size_t bytes);
  // Goes on with what was received.
  void go_on();
  // Asks the handler what is to become of the body.
  void admit();
  void on_admitted(Handler::Admission admission);
  // Goes on with the body.
  void read_on();
  // Gives what has come of the body to whoever takes it, and goes on when that is done.
  void pass_body_on();
  void handle();
  // The request as far as it has been received, and what it says about the connection. Nothing: it
  // was refused.
  std::optional<Request> read_head();
  // The client has the body timeout from now on.
  void begin_body_step();

  // No other answer counts any more. False: nor does this one, for there is nobody to hear it.
  bool begin_answer();
  // The status line and the headers. True if the connection is to end behind the response.
  bool start_output(const Response& response);
  // Of the body, as a chunk if that is how it goes.
  void append_piece(BytesView piece);
  void answer_for_server();
  void refuse(const RequestReader::Refusal& refusal);
  // Writes output_, then goes on with the next request, the stream, or the end.
  void write(bool close_after);
  void write_some();
  // The client has the write timeout from now on.
  void begin_write_step();
  void on_written();
  // Of a stream, whose maker is let go of.
  std::shared_ptr<Connection> end_stream();
  void hand_over();
  // Ends our side of the connection.
  void end();
  void on_end();
  void linger();

  Socket socket_;
  ConnectionContext& context_;
  std::list<std::weak_ptr<Connection>>::iterator registered_;
  State state_ = State::kIdle;
  TimePoint deadline_;
  bool closing_ = false;

  RequestReader reader_;
  bool admitting_ = false;  // in go_on(), which goes on by itself
  bool received_ = false;   // the whole request
  bool keep_alive_ = true;
  bool head_ = false;  // a HEAD request: the response has no body
  bool asks_to_upgrade_ = false;
  std::size_t received_in_step_ = 0;  // of the body, since the deadline was last set
  std::shared_ptr<BodySink> sink_;    // who takes the body, if it does not stay in memory
  // Of the request that is being handled.
  std::optional<boost::asio::steady_timer> timer_;  // made when one first needs it
  std::function<void()> gone_;                      // if it wants to know

  std::string output_;
  std::size_t written_ = 0;          // of output_
  std::size_t written_in_step_ = 0;  // of the response, since the deadline was last set
  bool close_after_ = false;
  std::shared_ptr<Outflow> outflow_;  // of a response whose body is still being made; meanwhile
  std::shared_ptr<Connection> self_;  // nothing else may hold the connection
  bool chunked_ = false;
  Reply::Takeover takeover_;  // of a connection whose client is being told that it is upgraded
};

}  // namespace rqlite::net
