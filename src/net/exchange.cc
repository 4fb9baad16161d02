#include "net/exchange.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/field.hpp>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "net/call_head.h"
#include "net/error_text.h"

namespace rqlite::net {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kReadBodyBytes = 256 * 1024;
// The line before a chunk, and the trailer behind the last one: as much as nobody needs.
constexpr std::size_t kChunkHeadBytesMax = 16 * 1024;
// A body goes into the same packet as its head, if it is no larger than this.
constexpr std::size_t kJoinedBodyBytes = 64 * 1024;
// Of a large body only what is being written may or may not have been sent.
constexpr std::size_t kWriteBytesMax = 1 << 20;
// Buffers larger than this are given back before a connection is kept.
constexpr std::size_t kKeptBufferBytes = 64 * 1024;
// "100 Continue" and its like.
constexpr std::size_t kInterimMax = 16;

std::string text_of_reading(const std::string& between, std::string_view why) {
  return "read tcp " + between + ": " + std::string(why);
}

std::string text_of_writing(const std::string& between, std::string_view why) {
  return "write tcp " + between + ": " + std::string(why);
}

HeaderFields fields_of(const beast::http::fields& fields) {
  HeaderFields copy;
  for (const auto& each : fields) {
    copy.emplace_back(std::string_view(each.name_string().data(), each.name_string().size()),
                      std::string_view(each.value().data(), each.value().size()));
  }
  return copy;
}

}  // namespace

Exchange::Exchange(Means& means, Call call, Manner manner, std::shared_ptr<Receiver> receiver,
                   std::function<void()> ended)
    : means_(means),
      call_(std::move(call)),
      manner_(std::move(manner)),
      receiver_(std::move(receiver)),
      on_end_(std::move(ended)),
      timer_(means.loop->io()) {}

void Exchange::start() {
  if (ended_) return;
  Result<Bytes> head = head_of(call_);
  if (!head.ok()) return fail(head.error().code(), head.error().text());
  if (manner_.upgraded && (call_.source || !call_.body.empty())) {
    return fail(Code::kInvalid, "a request for an upgrade has no body");
  }
  output_ = *std::move(head);
  if (call_.body.size() <= kJoinedBodyBytes) output_ += std::exchange(call_.body, {});
  if (!call_.fresh) {
    if (std::unique_ptr<Link> link = means_.pool.take(call_.address)) {
      kept_ = true;
      return begin(std::move(link));
    }
  }
  if (call_.fresh && !manner_.upgraded) means_.pool.count_fresh(call_.address);
  dial();
}

void Exchange::dial() {
  dial_ = std::make_shared<Dial>(
      means_.dial, call_.address, std::min(means_.connect_timeout, call_.connect_timeout),
      [self = shared_from_this()](Result<std::unique_ptr<Link>> link) {
        const std::shared_ptr<Dial> over = std::exchange(self->dial_, nullptr);
        self->means_.pool.count_dial(self->call_.address, link.ok());
        if (!link.ok()) return self->fail(link.error().code(), link.error().text());
        self->begin(*std::move(link));
      });
  dial_->start();
}

void Exchange::begin(std::unique_ptr<Link> link) {
  link_ = std::move(link);
  renew_parser();
  begin_step();
  write_some();
  read_some();
}

void Exchange::write_some() {
  writing_ = true;
  may_have_sent_ = true;
  writing_bytes_ = std::min(output_.size() - written_, kWriteBytesMax);
  link_->socket->async_write_some(
      asio::buffer(output_.data() + written_, writing_bytes_),
      [self = shared_from_this()](const Error& error, std::size_t bytes) {
        self->on_written(error, bytes);
      });
}

void Exchange::on_written(const Error& error, std::size_t bytes) {
  writing_ = false;
  if (ended_) return;
  if (error) {
    may_have_sent_ = sent_some_;
    // A peer that does not want to hear all of it has answered before: let the answer be read.
    write_error_ = text_of_writing(link_->between, "write: " + text_of(error));
    return begin_step();
  }
  sent_some_ = true;
  written_ += bytes;
  begin_step();
  if (written_ < output_.size()) return write_some();
  send_on();
}

void Exchange::send_on() {
  written_ = 0;
  output_.clear();
  sent_all_ = call_.body.empty() && !call_.source;
  // Whoever has answered needs to hear no more.
  if (head_done_ || sent_all_) return;
  if (call_.source) return pull();
  output_ = std::exchange(call_.body, {});
  write_some();
}

bool Exchange::may_have_sent_all() const {
  if (sent_all_) return true;
  const bool is_last = call_.body.empty() && !call_.source;
  return is_last && writing_ && written_ + writing_bytes_ == output_.size();
}

void Exchange::pull() {
  // The time that the source takes is not the peer's.
  pulling_ = true;
  deadline_ = TimePoint::max();
  call_.source->next(
      [loop = std::weak_ptr(means_.loop), weak = weak_from_this()](Result<Bytes> piece) {
        const auto alive = loop.lock();
        if (!alive) return;
        alive->post([weak, piece = std::move(piece)]() mutable {
          const auto self = weak.lock();
          if (self && !self->ended_) self->on_pulled(std::move(piece));
        });
      });
}

void Exchange::on_pulled(Result<Bytes> piece) {
  pulling_ = false;
  if (head_done_) return;
  if (!piece.ok()) return fail(piece.error().code(), piece.error().text());
  char size[20];
  const auto [end, error] = std::to_chars(size, size + sizeof size, piece->size(), 16);
  output_.assign(size, end).append("\r\n").append(*piece).append("\r\n");
  if (piece->empty()) call_.source = nullptr;
  begin_step();
  write_some();
}

void Exchange::renew_parser() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(means_.head_bytes_max));
  parser_->body_limit(boost::none);  // on_head() and deliver() see to that
  // No body follows, whatever the head says of one.
  if (call_.method == "HEAD") parser_->skip(true);
}

void Exchange::read_some() {
  link_->socket->async_read_some(
      link_->buffer.prepare(head_done_ ? kReadBodyBytes : kReadBytes),
      [self = shared_from_this()](const Error& error, std::size_t bytes) {
        self->on_read(error, bytes);
      });
}

void Exchange::on_read(const Error& error, std::size_t bytes) {
  if (ended_) return;
  if (error) return on_read_error(error);
  received_some_ = true;
  link_->buffer.commit(bytes);
  begin_step();
  parse();
}

void Exchange::on_read_error(const Error& error) {
  if (error == asio::error::eof && head_done_ && parser_->need_eof()) {
    Error ignored;
    parser_->put_eof(ignored);
    if (deliver()) finish();
    return;
  }
  CallEnd failed;
  failed.stale = kept_ && !received_some_;
  failed.status = {may_have_sent_ ? Code::kUnknown : Code::kUnavailable, why_unread(error)};
  end(failed);
}

std::string Exchange::why_unread(const Error& error) const {
  // A peer that says why knows best: it closes the connection after that, and sending fails.
  if (link_->socket->has_tls() && error == asio::error::connection_aborted) {
    return text_of_reading(link_->between, link_->socket->tls_failure());
  }
  if (!write_error_.empty() && !received_some_) return write_error_;
  if (error != asio::error::eof) return text_of_reading(link_->between, "read: " + text_of(error));
  return text_of_reading(link_->between, received_some_ ? "unexpected EOF" : "EOF");
}

Exchange::Error Exchange::feed() {
  Error error;
  try {
    link_->buffer.consume(parser_->put(link_->buffer.data(), error));
  } catch (const std::length_error&) {
    // Beast has no other word for a header of more than 64 KiB.
    error = beast::http::error::header_limit;
  }
  return error;
}

void Exchange::parse() {
  while (true) {
    Error error = feed();
    if (!error && !head_done_ && parser_->is_header_done()) {
      if (!on_head()) return;
      if (!head_done_) {
        // That was not the final one, which may be there already.
        if (link_->buffer.size() > 0) continue;
        return read_some();
      }
      parser_->eager(true);
      if (!parser_->is_done() && link_->buffer.size() > 0) error = feed();
    }
    if (error == beast::http::error::header_limit) {
      return fail(Code::kTooLarge, "the head of the answer has more than " +
                                       std::to_string(means_.head_bytes_max) + " bytes");
    }
    const bool wants_more = error == beast::http::error::need_more;
    // What the parser leaves of a body is a chunk's head that goes on and on, for which it has no
    // bound.
    if (head_done_ && wants_more && link_->buffer.size() > kChunkHeadBytesMax) {
      return fail_answer("malformed HTTP response: a chunk's head is too large");
    }
    if (error && !wants_more) {
      return fail_answer("malformed HTTP response: " + error.message());
    }
    if (head_done_ && !deliver()) return;
    if (head_done_ && parser_->is_done()) return finish();
    if (wants_more || link_->buffer.size() == 0) return read_some();
  }
}

bool Exchange::on_head() {
  const auto& message = parser_->get();
  const unsigned status = message.result_int();
  if (status == 101) {
    on_switch();
    return false;
  }
  if (status < 200) {
    if (++interim_ > kInterimMax) {
      fail_answer("malformed HTTP response: too many 1xx informational responses");
      return false;
    }
    renew_parser();
    return true;
  }
  // Beast takes any list that ends in "chunked", and for none any other.
  const auto encoding = message.find(beast::http::field::transfer_encoding);
  if (encoding != message.end() && !beast::iequals(encoding->value(), "chunked")) {
    fail_answer("malformed HTTP response: unsupported transfer encoding");
    return false;
  }
  head_done_ = true;
  begin_step();
  const HeaderFields fields = fields_of(message);
  receiver_->head(static_cast<int>(status), fields);
  return true;
}

void Exchange::on_switch() {
  const auto& message = parser_->get();
  const auto wanted = find_field(call_.headers, "Upgrade");
  const auto chosen = message.find(beast::http::field::upgrade);
  if (!manner_.upgraded || !wanted || chosen == message.end() ||
      !beast::iequals(chosen->value(), *wanted)) {
    return fail_answer("malformed HTTP response: it switches to a protocol that nobody asked for");
  }
  const asio::const_buffer ahead = link_->buffer.data();
  Upgraded upgraded(std::move(link_->socket),
                    Bytes(static_cast<const char*>(ahead.data()), ahead.size()));
  link_ = nullptr;
  means_.pool.count_end(call_.address);
  let_go();
  manner_.upgraded(std::move(upgraded));
}

bool Exchange::deliver() {
  Bytes& body = parser_->get().body();
  if (manner_.collect_bytes_max) {
    // Of one that has none, as one to HEAD, it may say how large it would be.
    const std::uint64_t announced = parser_->is_done() ? 0 : parser_->content_length().value_or(0);
    if (std::max<std::uint64_t>(announced, body.size()) > *manner_.collect_bytes_max) {
      fail(Code::kTooLarge,
           "the answer has more than " + std::to_string(*manner_.collect_bytes_max) + " bytes");
      return false;
    }
    if (parser_->is_done() && !body.empty()) receiver_->piece(std::exchange(body, {}), {});
    return true;
  }
  if (body.empty()) return true;
  paused_ = true;
  deadline_ = TimePoint::max();
  receiver_->piece(std::exchange(body, {}),
                   [loop = std::weak_ptr(means_.loop), weak = weak_from_this()] {
                     const auto alive = loop.lock();
                     if (!alive) return;
                     alive->post([weak] {
                       if (const auto self = weak.lock()) self->resume();
                     });
                   });
  return false;
}

void Exchange::resume() {
  if (ended_ || !std::exchange(paused_, false)) return;
  if (parser_->is_done()) return finish();
  begin_step();
  if (link_->buffer.size() > 0) return parse();
  read_some();
}

void Exchange::finish() {
  if (writing_ && !std::exchange(waited_for_write_, true)) {
    // An answer may be noticed before it is that all was sent, which then waits to be told to us.
    // What still is on its way after that is not worth waiting for.
    asio::post(timer_.get_executor(), [self = shared_from_this()] {
      if (!self->ended_) self->finish();
    });
    return;
  }
  // Nothing may be left on either side that the next call would take for its own.
  const bool keep = sent_all_ && !writing_ && write_error_.empty() && parser_->keep_alive() &&
                    link_->buffer.size() == 0;
  if (keep) {
    if (link_->buffer.capacity() > kKeptBufferBytes) link_->buffer = {};
    means_.pool.keep(call_.address, std::exchange(link_, nullptr));
  }
  end({});
}

void Exchange::begin_step() {
  if (paused_ || (pulling_ && !head_done_)) return;
  deadline_ = later(std::chrono::steady_clock::now(), call_.timeout);
  if (!armed_) arm();
}

void Exchange::arm() {
  armed_ = true;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](const Error& cancelled) {
    self->armed_ = false;
    if (cancelled || self->ended_ || self->deadline_ == TimePoint::max()) return;
    // It has moved on meanwhile, as it mostly does: the timer is set once for many steps.
    if (std::chrono::steady_clock::now() < self->deadline_) return self->arm();
    self->on_timeout();
  });
}

void Exchange::on_timeout() {
  const bool sending = !sent_all_ && !head_done_ && write_error_.empty();
  means_.pool.count_timeout(call_.address, sending);
  fail(Code::kDeadline, sending ? text_of_writing(link_->between, kTimeoutText)
                                : text_of_reading(link_->between, kTimeoutText));
}

void Exchange::give_up(const std::string& why) {
  if (!ended_) fail(may_have_sent_ ? Code::kUnknown : Code::kUnavailable, why);
}

void Exchange::fail(Code code, std::string why) {
  CallEnd failed;
  failed.status = {code, std::move(why)};
  end(failed);
}

void Exchange::end(const CallEnd& end) {
  // The caller's `this` lives on until it returns.
  const std::shared_ptr<Exchange> self = shared_from_this();
  let_go();
  CallEnd told = end;
  told.sent = may_have_sent_;
  told.whole = may_have_sent_all();
  receiver_->finished(told);
}

void Exchange::let_go() {
  ended_ = true;
  timer_.cancel();
  if (dial_) {
    std::exchange(dial_, nullptr)->give_up();
    means_.pool.count_dial(call_.address, false);
  }
  if (link_) {
    // What is under way keeps the buffers until it has heard of this.
    link_->socket->close();
    means_.pool.count_end(call_.address);
  }
  std::exchange(on_end_, nullptr)();
}

}  // namespace rqlite::net
