#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "fakes/sim_file_system.h"
#include "raft/core.h"
#include "raft/driver.h"
#include "raft/segment_log.h"
#include "raft/sim_machine.h"
#include "raft/sim_network.h"
#include "raft/watched_log.h"

namespace rqlite::raft {

// One member of a simulated cluster: the real driver, core and log, on a disk in memory that
// outlives them. It lives from start() to its next crash.
class SimMember final : public Transport {
 public:
  struct Figures {
    std::uint64_t starts = 0;
    std::uint64_t torn_logs = 0;
    std::uint64_t snapshots_taken = 0;
    std::uint64_t snapshots_installed = 0;
    std::uint64_t deaths_by_disk = 0;  // in the middle of something
    std::uint64_t held_back = 0;       // rounds that left entries waiting for the state machine
    std::uint64_t read_back = 0;       // reads from the log on disk
    std::uint64_t no_room = 0;         // reservations that a full disk refused
    std::uint64_t handovers = 0;       // that leaders asked for because of that
    std::uint64_t stuck = 0;           // leaders whose entries nobody stored

    Figures& operator+=(const Figures& other);
  };
  struct Parts {
    Random& random;
    SimNetwork& network;
    RaftChecker& checker;
    Figures& figures;
    const std::uint64_t& now_ms;
  };
  SimMember(RaftId id, const Parts& parts);
  ~SimMember() override;

  // Gives a founder what it founds the cluster with.
  void found(const Members& members);
  // Starts what is on the disk. Whatever goes wrong ends in a crash, and a later start.
  void start();
  void crash(SimFileSystem::Crash kind);
  // Crashes for good: somebody removed it.
  void retire();
  [[nodiscard]] bool runs() const { return driver_ != nullptr; }
  // It never took part.
  [[nodiscard]] bool is_new() const { return model_.acknowledged().last() == Index(); }
  // It was removed, and is gone for good.
  [[nodiscard]] bool is_retired() const { return retired_; }

  // What may go wrong with its disk, until it crashes or is mended.
  void fail_soon();
  void fill_disk();
  void mend_disk();
  [[nodiscard]] bool has_full_disk() const { return full_; }

  // Neither time nor messages reach it for so long.
  void stall(std::uint64_t ms) { stalls_until_ms_ = parts_.now_ms + ms; }

  // Events; each takes effect with the next settle(). Precondition: it runs.
  void deliver(const Parcel& parcel);
  void report(const SnapshotReport& report);
  // Returns the proposal's number.
  std::uint64_t propose(std::size_t size);
  std::uint64_t propose_change(ChangeKind kind, RaftId id);
  void read();
  Driver& driver();
  // From now on until the next call entries wait, or are applied as they come.
  void pause_applying(bool paused) { paused_ = paused; }
  void take_snapshot(std::uint64_t trailing);

  // What its time brings: messages, ticks, entries applied in the background, a round if anything
  // happened. A member whose disk failed has crashed after it.
  void settle();

  [[nodiscard]] RaftId id() const { return id_; }
  [[nodiscard]] bool leads() const;
  [[nodiscard]] Core::Status status() const { return driver_->status(); }
  [[nodiscard]] const SimMachine::Content& content() const { return machine_->content(); }
  // Compares what the core holds with what was written, entry by entry.
  void audit();

  void send(RaftId to, bool is_snapshot, BytesView message) override;

 private:
  Status open();
  void close();
  void take_in(const Parcel& parcel);
  void run_round();
  SimFileSystem::Crash any_crash();
  // The driver or the start failed: for a reason that was arranged, or it is a breach.
  void died_of(const Status& why);

  const RaftId id_;
  const Parts parts_;
  SimFileSystem files_;
  InlineExecutor executor_;
  LogModel model_;

  std::uint64_t life_ = 0;
  std::uint64_t tick_ms_;
  std::uint64_t next_tick_ms_ = 0;
  std::uint64_t dies_at_ms_ = 0;  // 0: not arranged
  std::uint64_t stalls_until_ms_ = 0;
  std::vector<Parcel> inbox_;
  bool full_ = false;
  bool retired_ = false;
  bool paused_ = false;
  bool busy_ = false;                // something happened since the last round
  Index to_report_;                  // applied, and not yet told to the driver
  std::optional<Term> leads_since_;  // of its last write

  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<WatchedLog> watched_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<SimMachine> machine_;
  std::unique_ptr<Driver> driver_;
};

}  // namespace rqlite::raft
