#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "store/stream_table.h"
#include "store/write.h"

namespace rqlite::queue {

// A consensus and its state machine, in memory: does to batches what may happen to them in the
// store, as chance has it. A batch may be refused; it may get into the log and be lost with its
// leader, or survive it, while whoever waits hears that nobody knows; a second copy may turn up at
// any time; every answer may come late; and the queue's own node applies what is committed before
// the leader does, or after. Which batches count is decided by the real StreamTable.
//
// Threads: write() and listen() from any; all others from one, which is the only one that answers,
// but for refusals that write() gives at once.
class FakeConsensus final : public store::StreamTarget {
 public:
  // How likely what is.
  struct Faults {
    double refused = 0.1;      // for each batch: it does not get into the log
    double hopeless = 0.02;    // likewise, and it is said to be so for ever
    double repeated = 0.1;     // for each batch: there is a second copy of it
    double silent = 0.3;       // for each entry: that it is committed is not said
    double leader_lost = 0.1;  // for each step
    double stalled = 0.05;     // for each step: nobody knows when what is committed is applied
  };
  struct Executed {
    std::uint64_t number;
    std::string name;   // as names_in() has it
    std::string error;  // its result
  };

  FakeConsensus(std::uint64_t seed, Faults faults) : random_(seed), faults_(faults) {}

  void write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
             std::unique_ptr<store::Write> write) override EXCLUDES(mutex_);
  void confirm(raft::Index index, std::unique_ptr<store::Write> write) override EXCLUDES(mutex_);
  void listen(store::StreamListener* listener) override EXCLUDES(listener_mutex_);

  // Goes on by one event.
  void step() EXCLUDES(mutex_);
  // No faults from now on.
  void heal() EXCLUDES(mutex_);
  // Commits, applies everywhere and says all there is, second copies included.
  void settle() EXCLUDES(mutex_);

  // All requests that were executed by the leader, in order.
  [[nodiscard]] std::vector<Executed> executed() EXCLUDES(mutex_);
  // The number of the last one; 0: none.
  [[nodiscard]] std::uint64_t executed_to() EXCLUDES(mutex_);
  // The last number that is sure to be executed, since it and all before it are committed.
  [[nodiscard]] std::uint64_t durable_to() EXCLUDES(mutex_);

 private:
  // Who waits for an entry, until it was told.
  using Waiting = std::shared_ptr<std::unique_ptr<store::Write>>;
  struct Entry {
    std::uint64_t epoch;
    std::uint64_t first;
    std::vector<std::string> names;
    Waiting waiting;  // null: nobody, ever
  };
  // Somebody asks whether the leader has applied what is there.
  struct Question {
    raft::Index index;
    Waiting waiting;
  };
  using Saying = std::function<void()>;

  void append(Entry entry) REQUIRES(mutex_);
  void commit() REQUIRES(mutex_);
  void apply() REQUIRES(mutex_);
  void apply_here() REQUIRES(mutex_);
  void repeat() REQUIRES(mutex_);
  // Whether a copy of it is still to turn up, or stands in the log up to `end`: so nobody can say
  // that it is never applied.
  [[nodiscard]] bool comes_again(const Entry& entry, std::size_t end) const REQUIRES(mutex_);
  void answer_questions() REQUIRES(mutex_);
  void lose_leader() REQUIRES(mutex_);
  void stall() REQUIRES(mutex_);
  Saying take(std::deque<Saying>& says) REQUIRES(mutex_);
  std::vector<command::RequestResult> execute(const Entry& entry) REQUIRES(mutex_);
  std::vector<command::RequestResult> results_before(const Entry& entry) REQUIRES(mutex_);
  void tell_listener(const Entry& entry, raft::Index index,
                     std::vector<command::RequestResult> results) EXCLUDES(listener_mutex_);

  Mutex mutex_;
  Random random_ GUARDED_BY(mutex_);
  Faults faults_ GUARDED_BY(mutex_);
  std::uint64_t leaderless_ GUARDED_BY(mutex_) = 0;  // for so many steps
  std::deque<Entry> log_ GUARDED_BY(mutex_);
  std::deque<Entry> copies_ GUARDED_BY(mutex_);
  std::deque<Question> questions_ GUARDED_BY(mutex_);
  std::size_t committed_ GUARDED_BY(mutex_) = 0;     // entries of the log
  std::size_t applied_ GUARDED_BY(mutex_) = 0;       // likewise
  store::StreamTable promised_ GUARDED_BY(mutex_);   // by what is committed
  store::StreamTable table_ GUARDED_BY(mutex_);      // by what is applied
  std::size_t applied_here_ GUARDED_BY(mutex_) = 0;  // likewise, by the queue's node
  store::StreamTable here_ GUARDED_BY(mutex_);
  std::uint64_t durable_to_ GUARDED_BY(mutex_) = 0;
  std::vector<Executed> executed_ GUARDED_BY(mutex_);
  // What the two threads of the leader's store, and one of the node's own, have yet to say, each in
  // its order.
  std::deque<Saying> raft_says_ GUARDED_BY(mutex_);
  std::deque<Saying> apply_says_ GUARDED_BY(mutex_);
  std::deque<Saying> here_says_ GUARDED_BY(mutex_);

  Mutex listener_mutex_;
  store::StreamListener* listener_ GUARDED_BY(listener_mutex_) = nullptr;
};

}  // namespace rqlite::queue
