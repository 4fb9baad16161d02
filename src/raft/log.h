#pragma once

#include <functional>
#include <optional>
#include <span>

#include "base/status.h"
#include "raft/types.h"

namespace rqlite::raft {

// Where the driver keeps entries and hard state so that they survive.
//
// Threads: one; the driver's. Failure: after any error other than kDiskFull from reserve(), what
// is on disk is unknown, and the driver must stop.
class Log {
 public:
  virtual ~Log() = default;

  // Makes sure that the next append() has room for this many entries with `bytes` of data in all.
  // May block while a file is prepared. kDiskFull if there is no room; nothing has changed then,
  // and a later call may succeed.
  virtual Status reserve(std::size_t entries, std::size_t bytes) = 0;

  // Whether there is room for what comes after the next few entries, as far as the disk was asked.
  // Asks again if there was none, and does not wait for the answer.
  virtual bool has_room() = 0;

  // Appends `hard_state`, if given, and `entries`. Entries of an index that the log holds already
  // replace it and all behind it. Durable when it returns ok.
  virtual Status append(const std::optional<HardState>& hard_state,
                        std::span<const EntryView> entries) = 0;

  // Passes entries [low, high) to `sink`: at least one, then as many as fit `bytes_max`. The
  // views live for the call only. Precondition: the log holds them.
  using Sink = std::function<void(const EntryView&)>;
  virtual Status read(Index low, Index high, std::size_t bytes_max, const Sink& sink) = 0;

  // Entries up to `index` are no longer needed.
  virtual void release(Index index) = 0;

  // An entry from which on the log takes at most so many bytes of the disk; the first one, if all
  // of it does.
  [[nodiscard]] virtual Index first_within(std::uint64_t bytes) const = 0;

  // Empties the log, durably: its next entry follows `index`, which had `term`. For a node whose
  // state came from a snapshot.
  virtual Status restart_after(Index index, Term term) = 0;
};

}  // namespace rqlite::raft
