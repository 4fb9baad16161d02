#include "net/connection.h"

#include <boost/asio/dispatch.hpp>
#include <utility>

#include "base/check.h"
#include "net/connection_reply.h"
#include "net/message_headers.h"
#include "net/response_text.h"

namespace rqlite::net {

namespace asio = boost::asio;

namespace {

// How long a client that was refused may go on sending.
constexpr std::chrono::seconds kLinger{2};
// A client has the body timeout for so much of a body.
constexpr std::size_t kBodyStepBytes = 4 * 1024;
// An output buffer larger than this is given back after the response that needed it.
constexpr std::size_t kKeptBufferBytes = 64 * 1024;
// A client has the write timeout for so much of a response.
constexpr std::size_t kWriteStepBytes = 256 * 1024;

TimePoint after(std::chrono::seconds wait) { return std::chrono::steady_clock::now() + wait; }

}  // namespace

Connection::Connection(Socket socket, ConnectionContext& context)
    : socket_(std::move(socket)),
      context_(context),
      reader_(context.limits, context.received_bytes) {}

Connection::~Connection() { context_.connections.erase(registered_); }

void Connection::start() {
  registered_ = context_.connections.insert(context_.connections.end(), weak_from_this());
  socket_.send_without_delay();
  if (context_.tls == nullptr) return begin_request();
  begin_handshake();
}

void Connection::begin_handshake() {
  state_ = State::kHandshake;
  deadline_ = after(context_.limits.handshake_timeout);
  socket_.async_first_byte(
      [self = shared_from_this()](const boost::system::error_code& error, char byte) {
        self->on_first_byte(error, byte);
      });
}

void Connection::on_first_byte(const boost::system::error_code& error, char byte) {
  if (closing_) return;
  if (error) return close();
  // TLS begins with a byte that is no letter, and a request of HTTP with its method.
  if (byte >= 'A' && byte <= 'Z') return refuse_clear_text();
  // Asked for now, because one that is gone has no address any more.
  socket_.async_handshake(context_.tls->new_session(socket_.native_handle()),
                          [self = shared_from_this(), client = socket_.client_address()](
                              const boost::system::error_code& failed, std::size_t) {
                            self->on_handshake(failed, client);
                          });
}

void Connection::on_handshake(const boost::system::error_code& error, const std::string& client) {
  if (closing_) return;
  if (!error) return begin_request();
  const bool refused = error == asio::error::connection_aborted;
  context_.tls->on_failed_handshake(
      client, refused ? socket_.tls_failure() : "the client closed the connection");
  if (!refused) return close();
  // It was told why; a client whose certificate was refused may be sending its first request.
  end();
}

void Connection::refuse_clear_text() {
  output_ = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
  write(true);
}

void Connection::begin_request() {
  received_ = false;
  sink_ = nullptr;
  state_ = State::kIdle;
  if (context_.stopping && !reader_.has_more()) return close();
  reader_.begin();
  if (reader_.has_more()) {
    // The next request came with the last one.
    state_ = State::kReading;
    deadline_ = after(context_.limits.header_timeout);
    return go_on();
  }
  deadline_ = after(context_.limits.idle_timeout);
  read_some();
}

void Connection::read_some() {
  socket_.async_read_some(reader_.room(), [self = shared_from_this()](
                                              const boost::system::error_code& error,
                                              std::size_t bytes) { self->on_read(error, bytes); });
}

void Connection::on_read(const boost::system::error_code& error, std::size_t bytes) {
  if (closing_) return;
  if (error) return close();
  reader_.received(bytes);
  if (state_ == State::kIdle) {
    state_ = State::kReading;
    deadline_ = after(context_.limits.header_timeout);
  } else if (reader_.has_head()) {
    received_in_step_ += bytes;
    if (received_in_step_ >= kBodyStepBytes) begin_body_step();
  }
  go_on();
}

void Connection::go_on() {
  while (true) {
    switch (reader_.next()) {
      case RequestReader::Event::kNeedsMore:
        return read_some();
      case RequestReader::Event::kHead:
        admit();
        // It was refused, or somebody still thinks about it.
        if (closing_ || state_ != State::kReading) return;
        break;
      case RequestReader::Event::kPiece:
        return pass_body_on();
      case RequestReader::Event::kWhole:
        return handle();
      case RequestReader::Event::kRefused:
        return refuse(reader_.refusal());
    }
  }
}

// Whoever may not do this is told before the body costs anything.
void Connection::admit() {
  std::optional<Request> request = read_head();
  if (!request) return;
  const BorrowedHeaders headers(reader_.fields());
  request->headers = &headers;
  state_ = State::kHandling;
  deadline_ = TimePoint::max();
  admitting_ = true;
  context_.handler.admit(
      std::move(*request), [self = shared_from_this()](Handler::Admission admission) {
        asio::dispatch(self->executor(), [self, admission = std::move(admission)]() mutable {
          self->on_admitted(std::move(admission));
        });
      });
  admitting_ = false;
}

void Connection::on_admitted(Handler::Admission admission) {
  if (closing_) return;
  if (admission.refusal) {
    keep_alive_ = false;
    return respond(std::move(*admission.refusal));
  }
  sink_ = std::move(admission.sink);
  if (sink_) {
    reader_.pass_body_on();
  } else if (!reader_.keep_body()) {
    return refuse(reader_.refusal());
  }
  if (reader_.expects_continue()) {
    // A few bytes into a socket that has nothing else to send, unless its client takes nothing.
    if (!socket_.send_now("HTTP/1.1 100 Continue\r\n\r\n")) return close();
  }
  read_on();
}

void Connection::read_on() {
  state_ = State::kReading;
  begin_body_step();
  if (!admitting_) go_on();
}

void Connection::pass_body_on() {
  state_ = State::kHandling;
  deadline_ = TimePoint::max();  // it is not the client who takes time now
  auto passed = [this](const Status& status) {
    if (closing_) return;
    if (status.ok()) return read_on();
    keep_alive_ = false;
    respond(Response::text(500, status.text()));
  };
  sink_->write(reader_.take_piece(), [self = shared_from_this(), passed](const Status& status) {
    asio::dispatch(self->executor(), [self, passed, status] { passed(status); });
  });
}

void Connection::begin_body_step() {
  received_in_step_ = 0;
  deadline_ = after(context_.limits.body_timeout);
}

std::optional<Request> Connection::read_head() {
  std::optional<Request> request = reader_.head();
  if (!request) {
    refuse(RequestReader::kBadRequest);
    return std::nullopt;
  }
  keep_alive_ = reader_.keeps_alive();
  head_ = request->method == "HEAD";
  asks_to_upgrade_ = !request->upgrade.empty();
  return request;
}

void Connection::handle() {
  received_ = true;
  state_ = State::kHandling;
  deadline_ = TimePoint::max();  // the handler answers for its own time
  std::optional<Request> request = read_head();
  if (!request) return;
  if (request->method == "OPTIONS" && request->path == "*") return answer_for_server();
  RequestReader::Message message = reader_.take();
  request->body = std::move(message.body());
  request->taken = std::move(sink_);
  const BorrowedHeaders headers(message);
  request->headers = &headers;
  context_.handler.handle(std::move(*request),
                          std::make_shared<ConnectionReply>(shared_from_this()));
}

void Connection::call_later(std::chrono::nanoseconds delay, std::function<void()> late) {
  if (!timer_) timer_.emplace(executor());
  timer_->expires_after(delay);
  timer_->async_wait([late = std::move(late)](const boost::system::error_code& cancelled) {
    if (!cancelled) late();
  });
}

bool Connection::begin_answer() {
  if (timer_) timer_->cancel();
  gone_ = nullptr;
  if (closing_) return false;
  reader_.give_back();
  return true;
}

bool Connection::start_output(const Response& response) {
  const bool close_after = !keep_alive_ || context_.stopping;
  append_head(output_, response, context_.fixed_headers);
  if (close_after) {
    output_ += "Connection: close\r\n";
  } else if (reader_.is_http_1_0()) {
    output_ += "Connection: keep-alive\r\n";
  }
  return close_after;
}

void Connection::respond(Response response) {
  if (!begin_answer()) return;
  const bool close_after = start_output(response);
  if (response.status != 204 && !head_) append_content_length(output_, response.body.size());
  output_ += "\r\n";
  if (!head_) output_ += response.body;
  write(close_after);
}

void Connection::begin_stream(Response head, std::shared_ptr<Outflow> outflow) {
  if (!begin_answer()) return outflow->close();
  chunked_ = !reader_.is_http_1_0();
  // A client of HTTP/1.0 knows the end of the body by that of the connection.
  if (!chunked_) keep_alive_ = false;
  const bool close_after = start_output(head);
  if (chunked_) output_ += "Transfer-Encoding: chunked\r\n";
  output_ += "\r\n";
  if (head_) {
    outflow->close();
    return write(close_after);
  }
  outflow_ = std::move(outflow);
  self_ = shared_from_this();
  append_piece(head.body);
  write(close_after);
}

void Connection::append_piece(BytesView piece) {
  if (chunked_) return append_chunk(output_, piece);
  output_ += piece;
}

void Connection::send_stream() {
  if (closing_ || !outflow_) return;
  const Outflow::Taken taken = outflow_->take();
  append_piece(taken.bytes);
  switch (taken.end) {
    case Outflow::End::kNotYet:
      // Nothing to send: nobody's fault but our own, so there is no deadline.
      if (taken.bytes.empty()) {
        deadline_ = TimePoint::max();
        return;
      }
      break;
    case Outflow::End::kFinished:
      if (chunked_) output_ += kLastChunk;
      end_stream();
      break;
    case Outflow::End::kAbandoned:
      // The end that is missing is how the client gets to know.
      return close();
  }
  written_ = 0;
  if (output_.empty()) return on_written();
  // The pieces before count, unless it was us who kept the client waiting.
  if (deadline_ == TimePoint::max()) begin_write_step();
  write_some();
}

std::shared_ptr<Connection> Connection::end_stream() {
  if (outflow_) std::exchange(outflow_, nullptr)->close();
  return std::exchange(self_, nullptr);
}

void Connection::upgrade(std::string_view protocol, Response head, Reply::Takeover then) {
  CHECK(asks_to_upgrade_);  // or the client would not understand the answer
  if (context_.stopping) return respond(Response::text(503, "shutting down"));
  if (!begin_answer()) return;
  start_output(head);
  output_.append("Connection: Upgrade\r\nUpgrade: ").append(protocol).append("\r\n\r\n");
  takeover_ = std::move(then);
  write(false);
}

void Connection::hand_over() {
  closing_ = true;  // as far as this object is concerned
  const Reply::Takeover then = std::exchange(takeover_, nullptr);
  then(std::make_unique<Socket>(std::move(socket_)), reader_.take_rest());
}

// `OPTIONS *` asks nobody in particular.
void Connection::answer_for_server() {
  const bool close_after = !keep_alive_ || context_.stopping;
  output_ = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  if (close_after) output_ += "Connection: close\r\n";
  output_ += "\r\n";
  reader_.give_back();
  write(close_after);
}

void Connection::refuse(const RequestReader::Refusal& refusal) {
  // What was received of it is no longer of use to anybody.
  reader_.drop();
  output_.clear();
  append_refusal(output_, refusal.status, refusal.reason, refusal.body);
  write(true);
}

void Connection::write(bool close_after) {
  state_ = State::kWriting;
  close_after_ = close_after;
  written_ = 0;
  begin_write_step();
  write_some();
}

void Connection::begin_write_step() {
  written_in_step_ = 0;
  deadline_ = after(context_.limits.write_timeout);
}

void Connection::write_some() {
  socket_.async_write_some(
      asio::buffer(output_) + written_,
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t bytes) {
        if (self->closing_) return;
        if (error) return self->close();
        self->written_ += bytes;
        self->written_in_step_ += bytes;
        if (self->written_in_step_ >= kWriteStepBytes) self->begin_write_step();
        if (self->written_ == self->output_.size()) return self->on_written();
        self->write_some();
      });
}

void Connection::on_written() {
  if (output_.capacity() > kKeptBufferBytes && !outflow_) {
    output_ = {};
  } else {
    output_.clear();
  }
  if (outflow_) return send_stream();
  if (takeover_) return hand_over();
  if (!close_after_) return begin_request();
  end();
}

void Connection::end() {
  socket_.async_end([self = shared_from_this()](const boost::system::error_code&, std::size_t) {
    if (!self->closing_) self->on_end();
  });
}

void Connection::on_end() {
  if (received_) return close();
  deadline_ = after(kLinger);
  linger();
}

// A refused client may still be sending. Closing now would make the system reset the connection,
// and the client might never see the answer.
void Connection::linger() {
  reader_.drop();
  socket_.async_read_some(reader_.room(), [self = shared_from_this()](
                                              const boost::system::error_code& error, std::size_t) {
    if (error || self->closing_) return self->close();
    self->linger();
  });
}

void Connection::check(TimePoint now) {
  // It only waits to be let go of; its socket's number may be another one's by now.
  if (closing_) return;
  if (now >= deadline_) {
    if (state_ == State::kHandshake && socket_.has_tls()) {
      context_.tls->on_failed_handshake(socket_.client_address(), "it took too long");
    }
    return close();
  }
  if (state_ != State::kHandling || !gone_ || !socket_.client_is_gone()) return;
  std::exchange(gone_, nullptr)();
  close();
}

void Connection::finish() {
  if (state_ == State::kIdle || state_ == State::kHandshake) close();
}

void Connection::close() {
  if (std::exchange(closing_, true)) return;
  const std::shared_ptr<Connection> self = end_stream();
  takeover_ = nullptr;
  if (timer_) timer_->cancel();
  // Who waits for something is not to think that this was all.
  if (state_ == State::kIdle) socket_.say_end_now();
  socket_.close();
}

}  // namespace rqlite::net
