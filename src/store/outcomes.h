#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "command/command.h"
#include "store/forwarded_writes.h"
#include "store/replicated_state.h"
#include "store/request_keys.h"
#include "store/stream_table.h"

namespace rqlite::store {

// What is kept of what became of requests: the part of the replicated state that makes a queued
// batch, a forwarded write and a request with a key happen once, and lets people ask about them
// later.
//
// Threads: the apply thread, but for verdict().
class Outcomes {
 public:
  // See StreamTable.
  StreamTable::Admission admit(const command::StreamPlace& place, std::size_t requests,
                               raft::Index index, const StreamTable::MemberOf& member_of)
      EXCLUDES(mutex_);
  void applied(const command::StreamPlace& place, raft::Index index,
               const std::vector<command::RequestResult>& results) EXCLUDES(mutex_);
  // From any thread.
  [[nodiscard]] StreamTable::Verdict verdict(const std::string& node_id, std::uint64_t number)
      EXCLUDES(mutex_);

  [[nodiscard]] ForwardedWrites& forwarded() { return forwarded_; }

  // The keys, for whoever executes requests: find() and add(), then one of these two.
  [[nodiscard]] RequestKeys& keys() { return keys_; }
  void commit_keys();
  void roll_back_keys() { keys_.roll_back(); }

  // For snapshots. Records that no snapshot has taken yet, and how many bytes they are. Bounded:
  // once there are too many, they are dropped, and only take_all() has all that are still kept.
  [[nodiscard]] std::vector<OutcomeRecord> take_unsaved();
  // They did not get to the journal.
  void drop_unsaved();
  [[nodiscard]] std::size_t unsaved_bytes() const {
    return unsaved_bytes_ + forwarded_.unsaved_bytes();
  }
  [[nodiscard]] bool unsaved_dropped() const { return unsaved_dropped_; }
  // All records that are kept, and the bytes of those. The unsaved are among them; after
  // take_all() there are none.
  [[nodiscard]] std::vector<OutcomeRecord> records() EXCLUDES(mutex_);
  [[nodiscard]] std::vector<OutcomeRecord> take_all() EXCLUDES(mutex_);
  [[nodiscard]] std::size_t record_bytes() EXCLUDES(mutex_);
  // Fills in where the streams and the members' forwarded writes stand.
  void note_positions(ReplicatedState& state) EXCLUDES(mutex_);

  // At start, before anything else: what note_positions() filled in, then the records.
  void restore(const ReplicatedState& state) EXCLUDES(mutex_);
  void restore(OutcomeRecord record) EXCLUDES(mutex_);
  // All of it becomes what another member kept.
  void replace(const ReplicatedState& state, const std::vector<OutcomeRecord>& records)
      EXCLUDES(mutex_);

 private:
  void note_unsaved(std::vector<OutcomeRecord> records);

  void forget_unsaved();

  RequestKeys keys_;
  ForwardedWrites forwarded_;
  // Of all but the forwarded writes, most of which are answered before a snapshot comes.
  std::vector<OutcomeRecord> unsaved_;
  std::size_t unsaved_bytes_ = 0;
  bool unsaved_dropped_ = false;

  Mutex mutex_;
  StreamTable streams_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::store
