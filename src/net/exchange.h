#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/http/parser.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "net/client.h"
#include "net/client_loop.h"
#include "net/connection_pool.h"
#include "net/dial.h"
#include "net/growing_body.h"
#include "net/link.h"

namespace rqlite::net {

// One call and its answer over one connection, from the pool or a new one. Sends and receives at
// the same time, for a peer may answer before it has heard all.
//
// Held by a shared_ptr. Threads: that of the loop.
class Exchange final : public std::enable_shared_from_this<Exchange> {
 public:
  // All that exchanges share. Outlives them.
  struct Means {
    std::shared_ptr<ClientLoop> loop;
    Dial::Means dial;
    ConnectionPool& pool;
    std::chrono::nanoseconds connect_timeout;
    std::size_t head_bytes_max;
  };
  struct Manner {
    // The body's bound, if it goes to the receiver in one piece, for which nobody resumes.
    std::optional<std::size_t> collect_bytes_max = std::nullopt;
    // Who is given the connection, in place of the receiver, if the peer switches protocols.
    std::function<void(Upgraded)> upgraded = nullptr;
  };
  // `ended` is called right before the receiver's finished().
  Exchange(Means& means, Call call, Manner manner, std::shared_ptr<Receiver> receiver,
           std::function<void()> ended);

  void start();
  // Ends it with an error that says why, unless it has ended.
  void give_up(const std::string& why);

 private:
  using Error = boost::system::error_code;
  using Parser = boost::beast::http::response_parser<GrowingBody>;

  void dial();
  void begin(std::unique_ptr<Link> link);

  void write_some();
  void on_written(const Error& error, std::size_t bytes);
  // Goes on with what is to be sent next, if anything.
  void send_on();
  [[nodiscard]] bool may_have_sent_all() const;
  void pull();
  void on_pulled(Result<Bytes> piece);

  void renew_parser();
  void read_some();
  void on_read(const Error& error, std::size_t bytes);
  void on_read_error(const Error& error);
  [[nodiscard]] std::string why_unread(const Error& error) const;
  // Gives the parser what was received. It takes a head by itself, and what follows together.
  Error feed();
  // Goes on with what was received.
  void parse();
  // False: there is nothing to go on with.
  bool on_head();
  // Hands the connection over.
  void on_switch();
  // What there is of the body is to be handed over; false if the receiver is to say when to go on.
  bool deliver();
  void resume();
  void finish();

  // There is progress: the next step has the whole timeout.
  void begin_step();
  void arm();
  void on_timeout();
  void fail_answer(const std::string& why) { fail(Code::kUnknown, why); }
  void fail(Code code, std::string why);
  void end(const CallEnd& end);
  // It is over, and nobody has been told yet.
  void let_go();

  Means& means_;
  Call call_;
  const Manner manner_;
  const std::shared_ptr<Receiver> receiver_;
  std::function<void()> on_end_;
  std::shared_ptr<Dial> dial_;  // while it is under way
  std::unique_ptr<Link> link_;
  boost::asio::steady_timer timer_;
  bool armed_ = false;
  TimePoint deadline_ = TimePoint::max();
  bool ended_ = false;
  bool kept_ = false;  // the connection, from another call

  // Sending.
  Bytes output_;
  std::size_t written_ = 0;        // of output_
  std::size_t writing_bytes_ = 0;  // behind those, of the write that began last
  bool writing_ = false;
  bool pulling_ = false;  // the source is about to give the next piece
  bool sent_some_ = false;
  bool may_have_sent_ = false;  // likewise, or it is under way
  bool sent_all_ = false;
  std::string write_error_;
  bool waited_for_write_ = false;

  // Receiving.
  std::optional<Parser> parser_;
  bool received_some_ = false;
  bool head_done_ = false;
  bool paused_ = false;      // until the receiver resumes
  std::size_t interim_ = 0;  // answers before the final one
};

}  // namespace rqlite::net
