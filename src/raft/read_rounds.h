#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "raft/core.h"
#include "raft/types.h"

namespace rqlite::raft {

// A read that must see everything acknowledged before it began. The driver calls one of the two,
// once, from its thread.
class Read {
 public:
  virtual ~Read() = default;
  // The read may run once everything up to `index` is applied here.
  virtual void ready(Index index) = 0;
  virtual void failed(const Status& why) = 0;
  // Whether it has waited for as long as it may. Asked now and then.
  [[nodiscard]] virtual bool is_late() const { return false; }
};

// Groups linearizable reads: those that wait share one confirmation of leadership. The core drops
// a request for many reasons (a leader that has not yet committed in its term, a lost message),
// so what is not answered is asked again. Not thread-safe.
class ReadRounds {
 public:
  void add(std::unique_ptr<Read> read) { fresh_.push_back(std::move(read)); }

  // Asks the core for the reads that came since the last call.
  void ask(Core& core);
  // Asks again for whatever is still without an answer.
  void ask_again(Core& core);
  // The core confirmed the round named by `context`, and with it those before.
  void confirmed(BytesView context, Index index);
  void fail_all(const Status& why);
  void fail_late(const Status& why);

  [[nodiscard]] bool empty() const { return fresh_.empty() && rounds_.empty(); }

 private:
  struct Round {
    std::uint64_t number;
    std::vector<std::unique_ptr<Read>> reads;
  };
  std::uint64_t last_number_ = 0;
  std::vector<std::unique_ptr<Read>> fresh_;
  std::deque<Round> rounds_;  // asked, in order of number
};

}  // namespace rqlite::raft
