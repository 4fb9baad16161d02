#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "fakes/sim_file_system.h"
#include "raft/core.h"
#include "raft/driver.h"
#include "raft/peer_message.h"
#include "raft/segment_log.h"

namespace rqlite::raft {

// What became of a proposal or a read: each must hear one thing, once. kOk: applied, or ready.
struct Outcome {
  std::vector<Code> codes;
  Index index;
};

// Tells `outcome` what becomes of it.
std::unique_ptr<Proposal> make_proposal(Bytes data, std::shared_ptr<Outcome> outcome);

// Keeps what the member sends.
class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(SimFileSystem& files) : files_(files) {}
  void send(RaftId to, bool is_snapshot, BytesView message) override;

  struct Sent {
    RaftId to;
    bool is_snapshot;
    PeerMessage message;
    std::uint64_t operations;  // of the disk before it left
  };
  std::vector<Sent> sent;
  // The messages of one type, oldest first.
  [[nodiscard]] std::vector<Sent> of(PeerMessage::Type type) const;

 private:
  SimFileSystem& files_;
};

// Keeps what it is handed and applies it when told to.
class FakeMachine final : public StateMachine {
 public:
  void apply(std::vector<Committed> entries) override;
  Status restore(const Snapshot& snapshot) override;
  void snapshot_wanted() override { snapshots_wanted++; }
  [[nodiscard]] Status stalled() override { return stalled_; }
  void status_changed(const Core::Status& status) override { statuses.push_back(status); }

  struct Handed {
    Index index;
    Term term;
    EntryKind kind;
    Bytes data;
    Bytes conf_state;
    Bytes context;
    bool with_proposal;
  };
  std::vector<Handed> handed;
  std::vector<std::size_t> batches;  // how many entries came at once
  std::vector<Snapshot> restored;
  Status restore_fails;
  Status stalled_;
  int snapshots_wanted = 0;
  std::vector<Core::Status> statuses;

  // "a b c": the data of what was handed, without empty entries and changes.
  [[nodiscard]] std::string data() const;
};

// One member of a cluster, on a disk in memory; the others, if any, are played by hand. It has
// the id 1, and the cluster was founded with a snapshot at index 1.
class DriverFixture {
 public:
  DriverFixture();

  // Starts the member from what is on the disk.
  Status start();
  Status restart();
  // Lets the driver run, and reports what was handed out as applied if `applies`.
  Status round();
  // Makes the member leader of the next term, with the votes of all others.
  void lead();

  std::shared_ptr<Outcome> propose(Bytes data);
  std::shared_ptr<Outcome> propose_change(ChangeKind kind, std::uint64_t id, Bytes context = "");
  std::shared_ptr<Outcome> read();

  // A message from another member in its term, for the test to complete and deliver().
  PeerMessage from(std::uint64_t peer, PeerMessage::Type type, std::uint64_t term) const;
  void deliver(const PeerMessage& message) { driver->step(encode_message(message)); }
  // Entries [first, first + count) of `term` behind an entry of `before`, as a leader sends them.
  void deliver_entries(std::uint64_t leader, std::uint64_t term, std::uint64_t first,
                       std::uint64_t count, std::uint64_t before, std::uint64_t commit,
                       std::size_t bytes = 100);
  // A heartbeat of that leader, who knows that the member has all up to `commit`.
  void deliver_heartbeat(std::uint64_t leader, std::uint64_t term, std::uint64_t commit);
  // All others acknowledge entries up to `index`.
  void acknowledge(std::uint64_t index);
  void snapshot_at(std::uint64_t index, std::uint64_t release);

  Core::Options core_options;
  Driver::Options driver_options;
  SegmentLog::Options log_options{.directory = "/log", .segment_bytes = 16 << 10};
  std::vector<std::uint64_t> voters{1};
  std::vector<std::uint64_t> learners;
  bool applies = true;
  bool unfounded = false;  // a member without history: the disk is empty

  SimFileSystem files;
  InlineExecutor executor;
  Snapshot snapshot;
  std::unique_ptr<SegmentLog> log;
  std::unique_ptr<Core> core;
  FakeTransport transport{files};
  FakeMachine machine;
  std::unique_ptr<Driver> driver;

 private:
  std::size_t reported_ = 0;  // of machine.handed, as applied
};

}  // namespace rqlite::raft
