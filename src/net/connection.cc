#include "net/connection.h"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/read.hpp>
#include <charconv>
#include <ctime>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "base/check.h"

namespace rqlite::net {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kReadBodyBytes = 256 * 1024;
// How long a client that was refused may go on sending.
constexpr std::chrono::seconds kLinger{2};
// The line before a chunk, and the trailer behind the last one: as much as nobody needs.
constexpr std::size_t kChunkHeadBytesMax = 16 * 1024;
// A client has the body timeout for so much of a body.
constexpr std::size_t kBodyStepBytes = 4 * 1024;
// What is less than this is not worth accounting for.
constexpr std::size_t kUnchargedBytes = 64 * 1024;
// Buffers larger than this are given back after the request that needed them.
constexpr std::size_t kKeptBufferBytes = 64 * 1024;
// A client has the write timeout for so much of a response.
constexpr std::size_t kWriteStepBytes = 256 * 1024;

std::string_view reason_of(int status) {
  return std::string_view(beast::http::obsolete_reason(static_cast<beast::http::status>(status)));
}

// "Sun, 22 Nov 2026 10:00:00 GMT", made once a second.
const std::string& http_date() {
  thread_local std::time_t made_at = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    char buffer[64];
    const std::size_t size =
        std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    text.assign(buffer, size);
    made_at = now;
  }
  return text;
}

// Whether the request line that was received ends in a version of HTTP, if not in one of ours.
bool names_a_version(const beast::flat_buffer& received) {
  const asio::const_buffer bytes = received.data();
  const std::string_view text(static_cast<const char*>(bytes.data()), bytes.size());
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  const std::size_t start = line.rfind(" HTTP/");
  if (start == std::string_view::npos || line.size() != start + 9) return false;
  auto is_digit = [&](std::size_t at) { return line[at] >= '0' && line[at] <= '9'; };
  return is_digit(start + 6) && line[start + 7] == '.' && is_digit(start + 8);
}

// Header fields that somebody else holds (`Fields` is a reference) or a copy of them.
template <typename Fields>
class MessageHeaders final : public Headers {
 public:
  explicit MessageHeaders(const beast::http::fields& fields) : fields_(fields) {}
  [[nodiscard]] std::vector<std::string_view> values(std::string_view name) const override {
    std::vector<std::string_view> values;
    const auto [first, last] = fields_.equal_range(name);
    for (auto each = first; each != last; ++each) {
      values.emplace_back(each->value().data(), each->value().size());
    }
    return values;
  }
  [[nodiscard]] std::shared_ptr<const Headers> keep() const override {
    return std::make_shared<MessageHeaders<beast::http::fields>>(fields_);
  }

 private:
  const Fields fields_;
};

void append_number_text(std::string& to, std::size_t number, int base = 10) {
  char buffer[24];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number, base);
  to.append(buffer, end);
}

}  // namespace

// Brings a response back to the connection's thread. If it is dropped without one, as when the
// server goes down, the client gets to know.
class Connection::ReplyToThis final : public Reply,
                                      public std::enable_shared_from_this<ReplyToThis> {
 public:
  explicit ReplyToThis(std::shared_ptr<Connection> connection)
      : executor_(connection->socket_.executor()), connection_(std::move(connection)) {}
  ~ReplyToThis() override {
    if (connection_) send(Response::text(503, "shutting down"));
  }

  void send(Response response) override {
    if (sent_.exchange(true)) return;
    // dispatch() runs it at once where the handler answers on the connection's own thread.
    asio::dispatch(executor_,
                   [connection = std::move(connection_), response = std::move(response)]() mutable {
                     connection->respond(std::move(response));
                   });
  }

  void send(std::unique_ptr<ResponseMaker> maker) override {
    if (sent_.exchange(true)) return;
    asio::dispatch(executor_, [connection = std::move(connection_), maker = std::move(maker)] {
      connection->respond(maker->make());
    });
  }

  std::unique_ptr<BodyStream> begin(Response head) override;

  void upgrade(std::string protocol, std::vector<std::pair<std::string_view, std::string>> headers,
               Takeover then) override {
    if (sent_.exchange(true)) return;
    asio::dispatch(executor_, [connection = std::move(connection_), protocol = std::move(protocol),
                               head = Response{101, {}, std::move(headers), {}},
                               then = std::move(then)]() mutable {
      connection->upgrade(protocol, std::move(head), std::move(then));
    });
  }

  void post(std::function<void()> work) override { asio::post(executor_, std::move(work)); }

  void send_after(std::chrono::nanoseconds delay, LateResponse make) override {
    if (sent_) return;
    asio::steady_timer& timer = connection_->timer();
    timer.expires_after(delay);
    // Weak: a reply that nobody holds any more has been sent.
    timer.async_wait([weak = weak_from_this(),
                      make = std::move(make)](const boost::system::error_code& cancelled) {
      const auto self = cancelled ? nullptr : weak.lock();
      if (!self) return;
      if (std::optional<Response> response = make()) self->send(std::move(*response));
    });
  }

  void on_gone(std::function<void()> gone) override {
    if (sent_) return;
    connection_->gone_ = std::move(gone);
    connection_->gone_reply_ = weak_from_this();
  }

  // There is nobody any more to send anything to: lets go of the connection.
  void abandon() {
    if (!sent_.exchange(true)) connection_.reset();
  }

 private:
  const asio::any_io_executor executor_;
  std::shared_ptr<Connection> connection_;  // until the response is on its way
  std::atomic<bool> sent_{false};
};

// The pieces of a response's body on their way to the connection's thread.
class Connection::StreamToThis final : public BodyStream {
 public:
  explicit StreamToThis(std::shared_ptr<Outflow> outflow) : outflow_(std::move(outflow)) {}
  ~StreamToThis() override { outflow_->abandon(); }
  bool write(BytesView piece) override { return outflow_->write(piece); }
  void finish() override { outflow_->finish(); }

 private:
  const std::shared_ptr<Outflow> outflow_;
};

std::unique_ptr<BodyStream> Connection::ReplyToThis::begin(Response head) {
  if (sent_.exchange(true)) {
    // Nobody takes anything from it.
    auto closed = std::make_shared<Outflow>([] {});
    closed->close();
    return std::make_unique<StreamToThis>(std::move(closed));
  }
  // Weak: the last to let go of a connection must be its own thread.
  auto outflow =
      std::make_shared<Outflow>([executor = executor_, weak = std::weak_ptr(connection_)] {
        if (auto connection = weak.lock()) {
          asio::post(executor, [connection = std::move(connection)] { connection->send_stream(); });
        }
      });
  asio::dispatch(executor_,
                 [connection = std::move(connection_), outflow, head = std::move(head)]() mutable {
                   connection->begin_stream(std::move(head), std::move(outflow));
                 });
  return std::make_unique<StreamToThis>(std::move(outflow));
}

Connection::Connection(Socket socket, ConnectionContext& context)
    : socket_(std::move(socket)), context_(context) {}

Connection::~Connection() {
  uncharge();
  context_.connections.erase(registered_);
}

void Connection::start() {
  registered_ = context_.connections.insert(context_.connections.end(), weak_from_this());
  socket_.send_without_delay();
  if (context_.tls == nullptr) return begin_request();
  begin_handshake();
}

void Connection::begin_handshake() {
  state_ = State::kHandshake;
  deadline_ = std::chrono::steady_clock::now() + context_.limits.handshake_timeout;
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
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(context_.limits.header_bytes_max));
  parser_->body_limit(boost::none);  // which limit it is, the head of the request tells
  head_lines_ = {};
  head_before_trailer_.reset();
  headers_seen_ = false;
  received_ = false;
  sink_ = nullptr;
  state_ = State::kIdle;
  if (context_.stopping && buffer_.size() == 0) return close();
  if (buffer_.size() > 0) {
    // The next request came with the last one.
    state_ = State::kReading;
    deadline_ = std::chrono::steady_clock::now() + context_.limits.header_timeout;
    if (look_at_head(0)) parse();
    return;
  }
  deadline_ = std::chrono::steady_clock::now() + context_.limits.idle_timeout;
  read_some();
}

void Connection::read_some() {
  const std::size_t size = headers_seen_ ? kReadBodyBytes : kReadBytes;
  socket_.async_read_some(
      buffer_.prepare(size),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t bytes) {
        self->on_read(error, bytes);
      });
}

void Connection::on_read(const boost::system::error_code& error, std::size_t bytes) {
  if (closing_) return;
  if (error) return close();
  const std::size_t before = buffer_.size();
  buffer_.commit(bytes);
  if (!headers_seen_ && !look_at_head(before)) return;
  const TimePoint now = std::chrono::steady_clock::now();
  if (state_ == State::kIdle) {
    state_ = State::kReading;
    deadline_ = now + context_.limits.header_timeout;
  } else if (headers_seen_) {
    received_in_step_ += bytes;
    if (received_in_step_ >= kBodyStepBytes) begin_body_step();
  }
  parse();
}

bool Connection::look_at_head(std::size_t seen) {
  const asio::mutable_buffer received = buffer_.data();
  const std::optional<std::string> fixed =
      head_lines_.check(static_cast<char*>(received.data()), received.size(), seen);
  if (head_lines_.is_folded()) {
    refuse(400, "Bad Request", "400 Bad Request");
    return false;
  }
  // The parser has bounds of its own, but not for all of it together.
  if (head_lines_.bytes() > context_.limits.header_bytes_max ||
      head_lines_.lines() > context_.limits.header_lines_max) {
    refuse_head_as_too_large();
    return false;
  }
  if (!fixed) return true;
  buffer_.clear();
  buffer_.commit(asio::buffer_copy(buffer_.prepare(fixed->size()), asio::buffer(*fixed)));
  return true;
}

boost::system::error_code Connection::feed() {
  boost::system::error_code error;
  try {
    buffer_.consume(parser_->put(buffer_.data(), error));
  } catch (const std::length_error&) {
    // Beast has no other word for a header of more than 64 KiB.
    error = beast::http::error::header_limit;
  }
  return error;
}

void Connection::parse() {
  while (true) {
    boost::system::error_code error = feed();
    if (!headers_seen_ && !error && parser_->is_header_done()) {
      headers_seen_ = true;
      // It stopped there, and adds a trailer's fields to the others if it sees one.
      if (parser_->chunked()) head_before_trailer_ = parser_->get().base();
      parser_->eager(true);
      if (!parser_->is_done() && buffer_.size() > 0) error = feed();
      if (error && error != beast::http::error::need_more) return on_parse_error(error);
      on_headers();
      // It was refused, or somebody still thinks about it.
      if (closing_ || state_ != State::kReading) return;
    }
    if (error && error != beast::http::error::need_more) return on_parse_error(error);
    if (sink_ && (parser_->is_done() || parser_->get().body().size() >= kReadBodyBytes)) {
      return pass_body_on();
    }
    if (parser_->is_done()) return handle();
    if (!sink_ && parser_->get().body().size() > context_.limits.body_bytes_max) {
      return refuse(413, "Request Entity Too Large", "413 Request Entity Too Large");
    }
    if (!sink_ && !charge()) {
      return refuse(503, "Service Unavailable", "too many bytes are being received\n");
    }
    // What the parser leaves of a body is a chunk's head that goes on and on, for which it has no
    // bound.
    if (headers_seen_ && error && buffer_.size() > kChunkHeadBytesMax) {
      return refuse(400, "Bad Request", "400 Bad Request");
    }
    if (error == beast::http::error::need_more || buffer_.size() == 0) return read_some();
  }
}

void Connection::on_headers() {
  const auto& message = parser_->get();
  begin_body_step();
  if (message.version() == 11 && message.count(beast::http::field::host) != 1) {
    return refuse(400, "Bad Request: missing required Host header",
                  "400 Bad Request: missing required Host header");
  }
  // Beast takes any list that ends in "chunked", and for none any other.
  const auto encoding = message.find(beast::http::field::transfer_encoding);
  if (encoding != message.end() && !beast::iequals(encoding->value(), "chunked")) {
    return refuse(501, "Not Implemented", "Unsupported transfer encoding");
  }
  // To HTTP/1.0 this is no header, so whoever is on the way saw another end of the request.
  if (encoding != message.end() && message.version() == 10) {
    return refuse(400, "Bad Request", "400 Bad Request");
  }
  const auto expect = message.find(beast::http::field::expect);
  if (expect != message.end() && !beast::iequals(expect->value(), "100-continue")) {
    return refuse(417, "Expectation Failed", "");
  }
  if (parser_->is_done()) return;
  // Whoever may not do this is told before the body costs anything.
  std::optional<Request> request = read_head();
  if (!request) return refuse(400, "Bad Request", "400 Bad Request");
  const MessageHeaders<const beast::http::fields&> headers(message);
  request->headers = &headers;
  state_ = State::kHandling;
  deadline_ = TimePoint::max();
  parsing_ = true;
  context_.handler.admit(std::move(*request), [self = shared_from_this()](
                                                  Handler::Admission admission) {
    asio::dispatch(self->socket_.executor(), [self, admission = std::move(admission)]() mutable {
      self->on_admitted(std::move(admission));
    });
  });
  parsing_ = false;
}

void Connection::on_admitted(Handler::Admission admission) {
  if (closing_) return;
  if (admission.refusal) {
    keep_alive_ = false;
    return respond(std::move(*admission.refusal));
  }
  sink_ = std::move(admission.sink);
  if (!sink_ && parser_->content_length().value_or(0) > context_.limits.body_bytes_max) {
    return refuse(413, "Request Entity Too Large", "413 Request Entity Too Large");
  }
  if (parser_->get().count(beast::http::field::expect) > 0) {
    // A few bytes into a socket that has nothing else to send, unless its client takes nothing.
    if (!socket_.send_now("HTTP/1.1 100 Continue\r\n\r\n")) return close();
  }
  read_on();
}

void Connection::read_on() {
  state_ = State::kReading;
  begin_body_step();
  if (parsing_) return;
  if (buffer_.size() > 0) return parse();
  read_some();
}

void Connection::begin_body_step() {
  received_in_step_ = 0;
  deadline_ = std::chrono::steady_clock::now() + context_.limits.body_timeout;
}

void Connection::refuse_head_as_too_large() {
  refuse(431, "Request Header Fields Too Large", "431 Request Header Fields Too Large");
}

void Connection::on_parse_error(const boost::system::error_code& error) {
  using Error = beast::http::error;
  if (error == Error::end_of_stream) return close();
  if (error == Error::header_limit) return refuse_head_as_too_large();
  if (error == Error::bad_version && names_a_version(buffer_)) {
    return refuse(505, "HTTP Version Not Supported: unsupported protocol version",
                  "505 HTTP Version Not Supported: unsupported protocol version");
  }
  refuse(400, "Bad Request", "400 Bad Request");
}

bool Connection::charge() {
  const std::size_t size = parser_->get().body().size() + buffer_.size();
  if (size < kUnchargedBytes || size <= charged_) return true;
  const std::size_t more = size - charged_;
  if (context_.received_bytes.fetch_add(more) + more > context_.limits.all_bytes_max) {
    context_.received_bytes -= more;
    return false;
  }
  charged_ = size;
  return true;
}

void Connection::uncharge() { context_.received_bytes -= std::exchange(charged_, 0); }

std::optional<Request> Connection::read_head() {
  const auto& message = parser_->get();
  keep_alive_ = message.keep_alive();
  const std::string_view method(message.method_string());
  head_ = method == "HEAD";
  std::string_view target(message.target());
  // An absolute target names this server; a proxy may send one.
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const std::size_t end = std::min(target.find_first_of("/?", scheme.size()), target.size());
    target.remove_prefix(end);
  }
  Request request;
  request.method = method;
  const std::size_t question = target.find('?');
  if (question != std::string_view::npos) request.raw_query = target.substr(question + 1);
  Result<std::string> path = percent_decode(target.substr(0, question), false);
  if (!path.ok()) return std::nullopt;
  request.path = std::move(*path);
  request.content_type = std::string_view(message[beast::http::field::content_type]);
  // One that ends the connection behind this request asks for the impossible, and HTTP/1.0 knows no
  // such thing.
  if (parser_->upgrade() && message.version() == 11 && keep_alive_) {
    request.upgrade = std::string_view(message[beast::http::field::upgrade]);
  }
  asks_to_upgrade_ = !request.upgrade.empty();
  return request;
}

void Connection::pass_body_on() {
  state_ = State::kHandling;
  deadline_ = TimePoint::max();  // it is not the client who takes time now
  auto go_on = [this](const Status& status) {
    if (closing_) return;
    if (!status.ok()) {
      keep_alive_ = false;
      return respond(Response::text(500, status.text()));
    }
    if (parser_->is_done()) return handle();
    read_on();
  };
  sink_->write(std::exchange(parser_->get().body(), {}),
               [self = shared_from_this(), go_on](const Status& status) {
                 asio::dispatch(self->socket_.executor(), [self, go_on, status] { go_on(status); });
               });
}

void Connection::handle() {
  received_ = true;
  state_ = State::kHandling;
  deadline_ = TimePoint::max();  // the handler answers for its own time
  // Nobody has looked at what a trailer adds: not who admitted the request, and no proxy before us.
  if (head_before_trailer_) parser_->get().base() = *std::move(head_before_trailer_);
  std::optional<Request> request = read_head();
  if (!request) return refuse(400, "Bad Request", "400 Bad Request");
  if (request->method == "OPTIONS" && request->path == "*") return answer_for_server();
  auto message = parser_->release();
  request->body = std::move(message.body());
  request->taken = std::move(sink_);
  const MessageHeaders<const beast::http::fields&> headers(message);
  request->headers = &headers;
  if (buffer_.capacity() > kKeptBufferBytes && buffer_.size() == 0) buffer_ = {};
  context_.handler.handle(std::move(*request), std::make_shared<ReplyToThis>(shared_from_this()));
}

asio::steady_timer& Connection::timer() {
  if (!timer_) timer_.emplace(socket_.executor());
  return *timer_;
}

bool Connection::start_output(const Response& response) {
  const bool close_after = !keep_alive_ || context_.stopping;
  output_ += "HTTP/1.1 ";
  append_number_text(output_, static_cast<std::size_t>(response.status));
  output_ += ' ';
  output_ += reason_of(response.status);
  output_ += "\r\n";
  output_ += context_.fixed_headers;
  for (const auto& [name, value] : response.headers) {
    output_.append(name).append(": ").append(value).append("\r\n");
  }
  if (!response.content_type.empty()) {
    output_.append("Content-Type: ").append(response.content_type).append("\r\n");
  }
  output_.append("Date: ").append(http_date()).append("\r\n");
  if (close_after) {
    output_ += "Connection: close\r\n";
  } else if (parser_->get().version() == 10) {
    output_ += "Connection: keep-alive\r\n";
  }
  return close_after;
}

void Connection::respond(Response response) {
  if (timer_) timer_->cancel();
  gone_ = nullptr;
  if (closing_) return;
  uncharge();
  const bool close_after = start_output(response);
  if (response.status != 204 && !head_) {
    output_ += "Content-Length: ";
    append_number_text(output_, response.body.size());
    output_ += "\r\n";
  }
  output_ += "\r\n";
  if (!head_) output_ += response.body;
  write(close_after);
}

void Connection::begin_stream(Response head, std::shared_ptr<Outflow> outflow) {
  if (timer_) timer_->cancel();
  gone_ = nullptr;
  if (closing_) return outflow->close();
  uncharge();
  chunked_ = parser_->get().version() == 11;
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

void Connection::upgrade(std::string_view protocol, Response head, Reply::Takeover then) {
  CHECK(asks_to_upgrade_);  // or the client would not understand the answer
  if (context_.stopping) return respond(Response::text(503, "shutting down"));
  if (timer_) timer_->cancel();
  gone_ = nullptr;
  if (closing_) return;
  uncharge();
  start_output(head);
  output_.append("Connection: Upgrade\r\nUpgrade: ").append(protocol).append("\r\n\r\n");
  takeover_ = std::move(then);
  write(false);
}

void Connection::hand_over() {
  closing_ = true;  // as far as this object is concerned
  const asio::const_buffer received = buffer_.data();
  const Reply::Takeover then = std::exchange(takeover_, nullptr);
  then(std::make_unique<Socket>(std::move(socket_)),
       Bytes(static_cast<const char*>(received.data()), received.size()));
}

void Connection::append_piece(BytesView piece) {
  if (piece.empty()) return;
  if (chunked_) {
    append_number_text(output_, piece.size(), 16);
    output_ += "\r\n";
  }
  output_ += piece;
  if (chunked_) output_ += "\r\n";
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
      if (chunked_) output_ += "0\r\n\r\n";
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

// `OPTIONS *` asks nobody in particular.
void Connection::answer_for_server() {
  const bool close_after = !keep_alive_ || context_.stopping;
  output_ = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  if (close_after) output_ += "Connection: close\r\n";
  output_ += "\r\n";
  uncharge();
  write(close_after);
}

// For what is not a request that could be routed: the answer, then the end of the connection.
void Connection::refuse(int status, std::string_view reason, std::string_view body) {
  // What was received of it is no longer of use to anybody.
  parser_.reset();
  uncharge();
  output_ = "HTTP/1.1 ";
  append_number_text(output_, static_cast<std::size_t>(status));
  output_.append(" ").append(reason).append("\r\n");
  if (!body.empty()) output_.append("Content-Type: ").append(kTextType).append("\r\n");
  output_ += "Connection: close\r\nContent-Length: ";
  append_number_text(output_, body.size());
  output_.append("\r\n\r\n").append(body);
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
  deadline_ = std::chrono::steady_clock::now() + context_.limits.write_timeout;
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
  deadline_ = std::chrono::steady_clock::now() + kLinger;
  linger();
}

// A refused client may still be sending. Closing now would make the system reset the connection,
// and the client might never see the answer.
void Connection::linger() {
  buffer_.clear();
  socket_.async_read_some(
      buffer_.prepare(kReadBytes),
      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
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
  const std::function<void()> gone = std::exchange(gone_, nullptr);
  gone();
  if (const auto reply = gone_reply_.lock()) reply->abandon();
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
