#include "net/outflow.h"

#include <utility>

namespace rqlite::net {

bool Outflow::write(BytesView piece) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    // So many are taken for certain: whoever sends has been woken, or is about to ask.
    while (!closed_ && waiting_.size() >= kPieceBytes) changed_.wait(mutex_);
    if (closed_) return false;
    waiting_ += piece;
    if (waiting_.size() >= kPieceBytes) wake = std::exchange(taker_waits_, false);
  }
  if (wake) wake_();
  return true;
}

void Outflow::end(End how) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    if (end_ != End::kNotYet) return;
    end_ = how;
    wake = std::exchange(taker_waits_, false);
  }
  if (wake) wake_();
}

Outflow::Taken Outflow::take() {
  Taken taken;
  {
    MutexLock lock(mutex_);
    if (waiting_.size() >= kPieceBytes || end_ != End::kNotYet) {
      taken.bytes = std::exchange(waiting_, {});
    }
    taken.end = end_;
    taker_waits_ = taken.bytes.empty() && end_ == End::kNotYet;
  }
  changed_.notify_all();
  return taken;
}

void Outflow::close() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
    waiting_ = {};
  }
  changed_.notify_all();
}

}  // namespace rqlite::net
