#pragma once

#include <cstddef>
#include <functional>

#include "base/bytes.h"
#include "base/mutex.h"
#include "net/message.h"

namespace rqlite::net {

// A response's body between the thread that makes it and the connection that sends it: never more
// than a bound and a piece of it, so that whoever makes it waits for a client that takes its time.
//
// Threads: write(), finish() and abandon() on one, which may block; take() and close() on the
// connection's.
class Outflow {
 public:
  // Bytes are sent once there are so many, or at the end. A piece is taken in while fewer wait.
  static constexpr std::size_t kPieceBytes = 64 * 1024;

  // `wake` is called, on the writing thread, when there is something to take after a take() that
  // found nothing.
  explicit Outflow(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Blocks while there is no room. False: nobody sends any more, so there is no use in going on.
  bool write(BytesView piece) EXCLUDES(mutex_);
  void finish() EXCLUDES(mutex_) { end(End::kFinished); }
  // The body ends before its end, which the client is to notice. Does nothing after finish().
  void abandon() EXCLUDES(mutex_) { end(End::kAbandoned); }

  enum class End { kNotYet, kFinished, kAbandoned };
  // What is to be sent next. Nothing and kNotYet: wait to be woken.
  struct Taken {
    Bytes bytes;
    End end;
  };
  Taken take() EXCLUDES(mutex_);
  // Nothing is sent any more: writers are let go.
  void close() EXCLUDES(mutex_);

 private:
  void end(End how) EXCLUDES(mutex_);

  const std::function<void()> wake_;
  Mutex mutex_;
  CondVar changed_;  // there is room, or closed_ was set
  Bytes waiting_ GUARDED_BY(mutex_);
  End end_ GUARDED_BY(mutex_) = End::kNotYet;
  bool closed_ GUARDED_BY(mutex_) = false;
  bool taker_waits_ GUARDED_BY(mutex_) = false;
};

}  // namespace rqlite::net
