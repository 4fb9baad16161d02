#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "raft/read_rounds.h"
#include "raft/types.h"
#include "store/applied_index.h"
#include "store/cluster_view.h"
#include "store/database_counts.h"
#include "store/query.h"
#include "store/reader_pool.h"
#include "store/write.h"

namespace rqlite::store {

// Runs queries, once this node has what each must see.
//
// Threads: all methods from any thread. Sinks hear as query.h says.
class Reads {
 public:
  // What it needs of the log; from any thread.
  class Log {
   public:
    virtual ~Log() = default;
    // Has a leader's lead confirmed for these reads together.
    virtual void confirm(std::vector<std::unique_ptr<raft::Read>> reads) = 0;
    // Puts an entry into the log that changes nothing.
    virtual void put_barrier(std::unique_ptr<Write> write) = 0;
    // Whether there is more that this node has not applied, and what it applied last was older by
    // then.
    [[nodiscard]] virtual bool lags_by_more_than(std::chrono::nanoseconds age) = 0;
    // Of the last applied entry; on the thread that tells a write that it was applied.
    [[nodiscard]] virtual raft::Term applied_term() = 0;
  };

  // All must outlive it.
  Reads(Log& log, ClusterView& view, ReaderPool& readers, AppliedIndex& applied, const Clock& clock)
      : log_(log), view_(view), readers_(readers), applied_(applied), clock_(clock) {}

  // A short read of level none or weak runs on the calling thread.
  void query(Query query, std::unique_ptr<QuerySink> sink);
  // No other read comes: those that wait to be confirmed are sent on to be refused.
  void stop() { confirm_gathered(); }

  struct Report {
    raft::Term strong_term;  // of the last strong read; 0: there was none
    // Linearizable reads that this node, as the leader, had to confirm that it still is for.
    std::uint64_t confirmations = 0;
    std::uint64_t failed_confirmations = 0;
    std::chrono::nanoseconds last_confirmation{0};  // how long it took
    DatabaseCounts ran;
  };
  [[nodiscard]] Report report() const;

 private:
  // Whether this node leads, or is as fresh as a query of level none demands.
  [[nodiscard]] bool is_fresh(const Query& query);
  [[nodiscard]] Status why_not_confirmed(const Status& why);
  void linearizable(Query query, std::unique_ptr<QuerySink> sink) EXCLUDES(mutex_);
  void confirm_gathered() EXCLUDES(mutex_);
  void strong(Query query, std::unique_ptr<QuerySink> sink);
  // When `timeout` ends if it begins now; never, if it is zero or less.
  [[nodiscard]] TimePoint deadline_in(std::chrono::nanoseconds timeout) const;
  // On a reader's thread; to be called on the thread that asked, or not at all by one that did.
  void run(Query query, std::unique_ptr<QuerySink> sink, raft::Index index);
  // Here and now if it is short, else the same.
  void run_here(Query query, std::unique_ptr<QuerySink> sink, raft::Index index);
  // The same on the thread that asked, if that can be.
  void run_there(Query query, std::unique_ptr<QuerySink> sink, raft::Index index);

  Log& log_;
  ClusterView& view_;
  ReaderPool& readers_;
  AppliedIndex& applied_;
  const Clock& clock_;

  std::atomic<std::uint64_t> strong_term_{0};
  DatabaseTally tally_;
  std::atomic<std::uint64_t> confirmations_{0};
  std::atomic<std::uint64_t> failed_confirmations_{0};
  std::atomic<std::int64_t> last_confirmation_ns_{0};

  // Linearizable reads that came since the thread of the first one was busy: they go to the Raft
  // thread together, for waking it up costs more than a short read.
  Mutex mutex_;
  std::vector<std::unique_ptr<raft::Read>> gathered_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::store
