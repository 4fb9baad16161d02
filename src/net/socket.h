#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "net/tls_session.h"

namespace rqlite::net {

// A connection as a stream of bytes: TCP as it is, or TLS on it.
//
// One read and one write may be under way at a time; send_now() and client_is_gone() go with
// neither. Handlers are called with (error, bytes), and must keep the socket alive. Threads: that
// of its io_context, which must outlive it.
class Socket {
 public:
  using Error = boost::system::error_code;

  // `companion` goes when the socket goes.
  explicit Socket(boost::asio::ip::tcp::socket tcp, std::shared_ptr<const void> companion = nullptr)
      : companion_(std::move(companion)), tcp_(std::move(tcp)) {}
  // With no operation under way. What is left behind is closed.
  Socket(Socket&&) = default;
  Socket& operator=(Socket&&) = delete;

  [[nodiscard]] boost::asio::any_io_executor executor() { return tcp_.get_executor(); }
  [[nodiscard]] int native_handle() { return tcp_.native_handle(); }
  // "address:port", as far as it is known.
  [[nodiscard]] std::string client_address() const;
  void send_without_delay();
  // The connection breaks when the other side has not been heard of for so long, whether it was
  // asked for anything or not, give or take a second or two.
  void notice_silence(std::chrono::seconds longest);
  // How long a byte and the other side's word that it came take, as the system has seen it of late;
  // nullopt if it does not know. From any thread, if nobody closes the socket meanwhile.
  [[nodiscard]] std::optional<std::chrono::microseconds> round_trip();

  // Waits for the client's first byte and calls handler(error, byte); it is still there to be read.
  template <typename Handler>
  void async_first_byte(Handler handler) {
    tcp_.async_wait(boost::asio::ip::tcp::socket::wait_read,
                    [this, handler = std::move(handler)](Error error) mutable {
                      char byte = 0;
                      if (!error) error = peek(byte);
                      if (error == boost::asio::error::would_block) {
                        return async_first_byte(std::move(handler));
                      }
                      handler(error, byte);
                    });
  }

  // Speaks TLS from here on. If the handshake fails, tls_failure() says why.
  template <typename Handler>
  void async_handshake(std::unique_ptr<TlsSession> session, Handler handler) {
    tls_ = std::move(session);
    advance([](TlsSession& tls) { return tls.handshake(); }, std::move(handler));
  }
  [[nodiscard]] bool has_tls() const { return tls_ != nullptr; }
  [[nodiscard]] const std::string& tls_failure() const { return tls_->failure(); }

  template <typename Handler>
  void async_read_some(boost::asio::mutable_buffer to, Handler handler) {
    if (!tls_) return tcp_.async_read_some(to, std::move(handler));
    advance([to](TlsSession& tls) { return tls.read(static_cast<char*>(to.data()), to.size()); },
            std::move(handler));
  }

  // `from` is not empty, and stays as it is until the handler is called; what was not written of it
  // is to be written next.
  template <typename Handler>
  void async_write_some(boost::asio::const_buffer from, Handler handler) {
    if (!tls_) return tcp_.async_write_some(from, std::move(handler));
    const std::string_view bytes(static_cast<const char*>(from.data()), from.size());
    advance([bytes](TlsSession& tls) { return tls.write(bytes); }, std::move(handler));
  }

  // What became of an attempt to read or write at once. kEnd and kFailed come with an error.
  struct Attempt {
    TlsSession::Outcome outcome;
    std::size_t bytes = 0;  // if it is kDone; at least 1
    Error error = {};
  };
  // Other than all the rest these two may be called on other threads than the socket's, with
  // async_wait() under way: in clear one reading and one writing thread at a time, with TLS one.
  // Nobody may close the socket meanwhile.
  //
  // `size` is not 0.
  Attempt try_read(char* to, std::size_t size);
  // A part of the pieces, one behind the other, which are not all empty. With TLS, after kWantsRead
  // or kWantsWrite, what is tried next must begin with the same bytes, and have as many at least.
  Attempt try_write(std::span<const std::string_view> pieces);
  // Calls handler(error) when such an attempt may get further. One of each kind may be under way.
  template <typename Handler>
  void async_wait(boost::asio::ip::tcp::socket::wait_type what, Handler handler) {
    tcp_.async_wait(what, std::move(handler));
  }

  // Sends a few bytes if they can go at once. False: they cannot, and the stream is broken.
  bool send_now(std::string_view bytes);

  // Ends our side of the stream, in a way that the client can tell from a connection that broke.
  // What is read afterwards is what comes over the wire, good only to be dropped.
  template <typename Handler>
  void async_end(Handler handler) {
    auto end_tcp = [this, handler = std::move(handler)](const Error& error, std::size_t) {
      Error ignored;
      tcp_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
      tls_ = nullptr;
      handler(error, 0);
    };
    if (!tls_) return end_tcp({}, 0);
    advance([](TlsSession& tls) { return tls.say_end(); }, std::move(end_tcp));
  }

  // Whether the client has ended its side. Bytes that it sent ahead hide that until they are read.
  [[nodiscard]] bool client_is_gone();

  // Whether nothing has come that is still to be read: no bytes, and no end.
  [[nodiscard]] bool is_quiet();

  // Tells a client that waits for nothing that the stream ends here, if that can be done at once.
  void say_end_now();
  // Operations that are under way end with an error.
  void close();

 private:
  // Calls `step` until it is done, waiting in between for what it wants.
  template <typename Step, typename Handler>
  void advance(Step step, Handler handler) {
    const TlsSession::Step done = step(*tls_);
    if (wants_more(done)) return wait_to_advance(done, std::move(step), std::move(handler));
    // A handler is never called before the operation it belongs to has been begun.
    boost::asio::post(tcp_.get_executor(),
                      [handler = std::move(handler), error = error_of(done),
                       bytes = done.bytes]() mutable { handler(error, bytes); });
  }

  template <typename Step, typename Handler>
  void wait_to_advance(const TlsSession::Step& last, Step step, Handler handler) {
    tcp_.async_wait(
        last.outcome == TlsSession::Outcome::kWantsRead ? boost::asio::ip::tcp::socket::wait_read
                                                        : boost::asio::ip::tcp::socket::wait_write,
        [this, step = std::move(step), handler = std::move(handler)](const Error& error) mutable {
          // Closed meanwhile, its number may be another connection's by now.
          if (!tcp_.is_open()) return handler(boost::asio::error::operation_aborted, 0);
          if (error) return handler(error, 0);
          const TlsSession::Step done = step(*tls_);
          if (wants_more(done)) {
            return wait_to_advance(done, std::move(step), std::move(handler));
          }
          handler(error_of(done), done.bytes);
        });
  }

  Attempt try_write_tls(std::span<const std::string_view> pieces);
  static Attempt attempt_of(const TlsSession::Step& step);
  // What errno says of it.
  static Attempt attempt_failed(TlsSession::Outcome if_it_would_block);
  // Looks at the next byte that comes over the wire.
  Error peek(char& byte);
  static bool wants_more(const TlsSession::Step& step) {
    return step.outcome == TlsSession::Outcome::kWantsRead ||
           step.outcome == TlsSession::Outcome::kWantsWrite;
  }
  static Error error_of(const TlsSession::Step& step);

  std::shared_ptr<const void> companion_;
  boost::asio::ip::tcp::socket tcp_;
  std::unique_ptr<TlsSession> tls_;  // null: plain
};

}  // namespace rqlite::net
