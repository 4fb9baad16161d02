#include "net/frame_stream.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/post.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "net/frame_reader.h"
#include "net/socket.h"

namespace rqlite::net {

namespace asio = boost::asio;

namespace {

using Outcome = TlsSession::Outcome;
using Pieces = std::span<BytesView>;

constexpr std::size_t kReadBytes = 64 * 1024;
// What waits is kept in pieces of this size, unless a frame is larger.
constexpr std::size_t kWaitingPieceBytes = 64 * 1024;
// So much is written before others get the mutex, or their turn on the thread.
constexpr std::size_t kTurnBytes = 256 * 1024;

std::size_t size_of(Pieces pieces) {
  std::size_t size = 0;
  for (const BytesView piece : pieces) size += piece.size();
  return size;
}

// What is left of `pieces` behind the first `count` bytes: none that is empty in front.
Pieces without(Pieces pieces, std::size_t count) {
  while (!pieces.empty() && pieces.front().size() <= count) {
    count -= pieces.front().size();
    pieces = pieces.subspan(1);
  }
  if (!pieces.empty()) pieces.front().remove_prefix(count);
  return pieces;
}

Status broken(const Socket::Error& error) {
  if (error == asio::error::eof) return {Code::kUnavailable, "the peer closed the connection"};
  return {Code::kUnavailable, "the connection broke: " + error.message()};
}

}  // namespace

// What the stream and its handlers on the socket's thread share.
//
// Writing: whoever finds nothing waiting writes; otherwise there is a wait for room under way, or
// about to be, whose handler writes what waits. With TLS, reading and writing are one thing, so the
// reader takes the mutex, too.
class FrameStream::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(std::unique_ptr<Socket> socket, BytesView received, Options options)
      : options_(options),
        executor_(socket->executor()),
        has_tls_(socket->has_tls()),
        received_(received),
        reader_(options.frame_bytes_max),
        socket_(std::move(socket)) {
    CHECK(options.frame_bytes_max <= UINT32_MAX);
    socket_->send_without_delay();
    socket_->notice_silence(options.silence_max);
  }

  void start(OnFrame on_frame, OnClosed on_closed);
  bool send(BytesView head, BytesView body) EXCLUDES(mutex_);
  void close(Status why) EXCLUDES(mutex_);
  [[nodiscard]] std::size_t waiting_bytes() const EXCLUDES(mutex_);
  [[nodiscard]] std::optional<std::chrono::microseconds> round_trip() const EXCLUDES(mutex_);

 private:
  // What follows is called on the socket's thread, but for what says otherwise.
  void begin(OnFrame on_frame, OnClosed on_closed);
  void end(const Status& why) EXCLUDES(mutex_);
  void say_why(const Status& why);

  void read();
  // Reads what fits the buffer.
  Socket::Attempt fill(std::size_t& bytes) EXCLUDES(mutex_);
  void hand_out(BytesView received);
  void wait_to_read();

  // On any thread: all that goes at once. What is left is in `pieces`.
  Socket::Attempt write(Pieces& pieces) REQUIRES(mutex_);
  // On any thread.
  void keep(Pieces pieces) REQUIRES(mutex_);
  void write_waiting() EXCLUDES(mutex_);
  void wait_to_write() EXCLUDES(mutex_);
  // On any thread. Sees to it that what waits is written when that can be done.
  void write_later(Outcome wants) REQUIRES(mutex_);

  const Options options_;
  const asio::any_io_executor executor_;
  const bool has_tls_;

  // Of the socket's thread.
  OnFrame on_frame_;
  OnClosed on_closed_;
  Bytes received_;  // before the stream began
  const std::unique_ptr<char[]> buffer_ = std::make_unique_for_overwrite<char[]>(kReadBytes);
  FrameReader reader_;
  std::optional<Status> ended_;
  bool reader_wants_room_ = false;  // TLS has to write before it can read

  mutable Mutex mutex_;
  // Set under the mutex.
  std::atomic<bool> closed_{false};
  // Destroyed on its thread, under the mutex, once closed_ is set. Who writes holds the mutex, and
  // with TLS who reads does.
  std::unique_ptr<Socket> socket_;
  // The first one's first written_ bytes are written.
  std::deque<Bytes> waiting_ GUARDED_BY(mutex_);
  std::size_t written_ GUARDED_BY(mutex_) = 0;
  std::size_t waiting_bytes_ GUARDED_BY(mutex_) = 0;
  bool writer_wants_bytes_ GUARDED_BY(mutex_) = false;  // TLS has to read before it can write
};

void FrameStream::Impl::start(OnFrame on_frame, OnClosed on_closed) {
  asio::post(executor_, [self = shared_from_this(), on_frame = std::move(on_frame),
                         on_closed = std::move(on_closed)]() mutable {
    self->begin(std::move(on_frame), std::move(on_closed));
  });
}

void FrameStream::Impl::begin(OnFrame on_frame, OnClosed on_closed) {
  CHECK(!on_closed_);  // started once
  on_frame_ = std::move(on_frame);
  on_closed_ = std::move(on_closed);
  if (ended_) return say_why(*ended_);
  hand_out(std::exchange(received_, {}));
  read();
}

void FrameStream::Impl::close(Status why) {
  {
    MutexLock lock(mutex_);
    if (closed_.exchange(true)) return;
  }
  asio::post(executor_, [self = shared_from_this(), why = std::move(why)] { self->end(why); });
}

void FrameStream::Impl::end(const Status& why) {
  {
    MutexLock lock(mutex_);
    // Behind a record that is cut off nobody would understand it.
    if (waiting_.empty()) socket_->say_end_now();
    socket_ = nullptr;
    waiting_ = {};
    waiting_bytes_ = 0;
  }
  ended_ = why;
  if (on_closed_) say_why(why);
}

void FrameStream::Impl::say_why(const Status& why) {
  std::exchange(on_closed_, nullptr)(why);
  on_frame_ = nullptr;
}

void FrameStream::Impl::read() {
  if (closed_) return;
  reader_wants_room_ = false;
  std::size_t bytes = 0;
  const Socket::Attempt last = fill(bytes);
  hand_out({buffer_.get(), bytes});
  if (closed_) return;
  bool writer_goes_on = false;
  {
    MutexLock lock(mutex_);
    if (bytes > 0) writer_goes_on = std::exchange(writer_wants_bytes_, false);
  }
  if (writer_goes_on) write_waiting();
  switch (last.outcome) {
    case Outcome::kDone:
      // There may be more.
      return asio::post(executor_, [self = shared_from_this()] { self->read(); });
    case Outcome::kWantsRead:
      return wait_to_read();
    case Outcome::kWantsWrite:
      reader_wants_room_ = true;
      return wait_to_write();
    case Outcome::kEnd:
    case Outcome::kFailed:
      return close(broken(last.error));
  }
}

Socket::Attempt FrameStream::Impl::fill(std::size_t& bytes) {
  if (!has_tls_) {
    const Socket::Attempt attempt = socket_->try_read(buffer_.get(), kReadBytes);
    bytes = attempt.bytes;
    // That was all there is, as far as is known.
    if (bytes > 0 && bytes < kReadBytes) return {Outcome::kWantsRead};
    return attempt;
  }
  // A record at a time, and the socket knows nothing of those that OpenSSL has read already.
  MutexLock lock(mutex_);
  while (!closed_ && bytes < kReadBytes) {
    const Socket::Attempt attempt = socket_->try_read(buffer_.get() + bytes, kReadBytes - bytes);
    if (attempt.outcome != Outcome::kDone) return attempt;
    bytes += attempt.bytes;
  }
  return {Outcome::kDone, bytes};
}

void FrameStream::Impl::hand_out(BytesView received) {
  while (!closed_) {
    Result<std::optional<Bytes>> frame = reader_.take(received);
    if (!frame.ok()) return close(frame.error());
    if (!*frame) return;
    on_frame_(**std::move(frame));
  }
}

void FrameStream::Impl::wait_to_read() {
  socket_->async_wait(asio::socket_base::wait_read,
                      [self = shared_from_this()](const Socket::Error&) { self->read(); });
}

bool FrameStream::Impl::send(BytesView head, BytesView body) {
  const std::size_t size = head.size() + body.size();
  if (size > options_.frame_bytes_max) return false;
  Bytes length;
  append_number(length, static_cast<std::uint32_t>(size));
  std::array<BytesView, 3> all{length, head, body};
  Pieces pieces(all);
  Socket::Attempt last{Outcome::kDone};
  {
    MutexLock lock(mutex_);
    if (closed_) return false;
    if (!waiting_.empty()) {
      if (waiting_bytes_ + size_of(pieces) > options_.waiting_bytes_max) return false;
      keep(pieces);
      return true;
    }
    last = write(pieces);
    if (last.outcome != Outcome::kEnd && last.outcome != Outcome::kFailed) {
      if (pieces.empty()) return true;
      keep(pieces);
      write_later(last.outcome);
      return true;
    }
  }
  close(broken(last.error));
  return false;
}

Socket::Attempt FrameStream::Impl::write(Pieces& pieces) {
  Socket::Attempt attempt{Outcome::kDone};
  for (std::size_t written = 0; !pieces.empty() && written < kTurnBytes;) {
    attempt = socket_->try_write(pieces);
    if (attempt.outcome != Outcome::kDone) break;
    written += attempt.bytes;
    pieces = without(pieces, attempt.bytes);
  }
  return attempt;
}

void FrameStream::Impl::keep(Pieces pieces) {
  const std::size_t size = size_of(pieces);
  waiting_bytes_ += size;
  // A frame is kept in one piece, so that TLS gets to see again what it has seen.
  if (waiting_.empty() || waiting_.back().size() + size > kWaitingPieceBytes) {
    waiting_.emplace_back().reserve(std::max(size, kWaitingPieceBytes));
  }
  for (const BytesView piece : pieces) waiting_.back() += piece;
}

void FrameStream::Impl::write_waiting() {
  Socket::Attempt last{Outcome::kDone};
  {
    MutexLock lock(mutex_);
    if (closed_ || waiting_.empty()) return;
    for (std::size_t written = 0; !waiting_.empty() && written < kTurnBytes;) {
      BytesView first = BytesView(waiting_.front()).substr(written_);
      last = socket_->try_write({&first, 1});
      if (last.outcome != Outcome::kDone) break;
      written += last.bytes;
      written_ += last.bytes;
      waiting_bytes_ -= last.bytes;
      if (written_ < waiting_.front().size()) continue;
      waiting_.pop_front();
      written_ = 0;
    }
    if (last.outcome != Outcome::kEnd && last.outcome != Outcome::kFailed) {
      if (!waiting_.empty()) write_later(last.outcome);
      return;
    }
  }
  close(broken(last.error));
}

void FrameStream::Impl::write_later(Outcome wants) {
  if (wants == Outcome::kWantsRead) {
    writer_wants_bytes_ = true;
    return;
  }
  const bool at_once = wants == Outcome::kDone;
  asio::post(executor_, [self = shared_from_this(), at_once] {
    at_once ? self->write_waiting() : self->wait_to_write();
  });
}

void FrameStream::Impl::wait_to_write() {
  if (closed_) return;
  socket_->async_wait(asio::socket_base::wait_write,
                      [self = shared_from_this()](const Socket::Error&) {
                        self->write_waiting();
                        if (self->reader_wants_room_) self->read();
                      });
}

std::size_t FrameStream::Impl::waiting_bytes() const {
  MutexLock lock(mutex_);
  return waiting_bytes_;
}

std::optional<std::chrono::microseconds> FrameStream::Impl::round_trip() const {
  MutexLock lock(mutex_);
  if (closed_ || !socket_) return std::nullopt;
  return socket_->round_trip();
}

FrameStream::FrameStream(std::unique_ptr<Socket> socket, BytesView received, Options options)
    : impl_(std::make_shared<Impl>(std::move(socket), received, options)) {}

FrameStream::~FrameStream() { close(); }

void FrameStream::start(OnFrame on_frame, OnClosed on_closed) {
  impl_->start(std::move(on_frame), std::move(on_closed));
}

bool FrameStream::send(BytesView frame) { return impl_->send(frame, {}); }

bool FrameStream::send(BytesView head, BytesView body) { return impl_->send(head, body); }

void FrameStream::close() { impl_->close({}); }

std::size_t FrameStream::waiting_bytes() const { return impl_->waiting_bytes(); }

std::optional<std::chrono::microseconds> FrameStream::round_trip() const {
  return impl_->round_trip();
}

}  // namespace rqlite::net
