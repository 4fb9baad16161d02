#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/random.h"
#include "raft/members.h"
#include "raft/raft_checker.h"
#include "raft/state_machine.h"

namespace rqlite::raft {

// What becomes of one proposal, told to the checker. Whoever destroys it without an answer must
// have died: its fate is unknown.
class SimProposal final : public Proposal {
 public:
  // `size`: of the data, which begins with the number of the proposal. A change of members has no
  // data of its own and carries the number as its context.
  SimProposal(RaftChecker& checker, std::size_t size);
  ~SimProposal() override;
  SimProposal(const SimProposal&) = delete;
  SimProposal& operator=(const SimProposal&) = delete;

  [[nodiscard]] BytesView data() const override { return data_; }
  void failed(const Status& why) override;
  void applied(Index index);

  [[nodiscard]] std::uint64_t number() const { return number_; }

 private:
  void answer();

  RaftChecker& checker_;
  const std::uint64_t number_;
  Bytes data_;
  bool answered_ = false;
};

// The state machine of a simulated member: remembers the numbers of all proposals it applied, in
// order. A snapshot of it is one file, replaced durably.
class SimMachine final : public StateMachine {
 public:
  struct Content {
    Index index;
    Term term;
    Bytes conf_state;
    RaftChecker::Digest digest = RaftChecker::kNothingApplied;
    std::vector<std::uint64_t> applied;
  };
  static Bytes encode(const Content& content);
  static Content decode(BytesView bytes);

  SimMachine(RaftId id, FileSystem& files, std::string path, RaftChecker& checker);

  // Reads the snapshot on disk; that of nothing if there is none.
  Status open();
  [[nodiscard]] Snapshot snapshot() const;
  // The whole of it, as a transport would send it.
  [[nodiscard]] Bytes snapshot_content() const { return encode(saved_); }
  // Replaces the snapshot on disk by what is applied now.
  Status take_snapshot();
  // What a transport brought along with a snapshot's message, until its fate is clear.
  void stage(Bytes content) { staged_ = std::move(content); }

  // Applies up to `count` of the entries that wait; tells whether there were any.
  bool apply_some(std::size_t count);
  [[nodiscard]] bool has_waiting() const { return !waiting_.empty(); }
  [[nodiscard]] const Content& content() const { return now_; }
  [[nodiscard]] bool take_snapshot_wanted() { return std::exchange(wanted_, false); }

  void apply(std::vector<Committed> entries) override;
  Status restore(const Snapshot& snapshot) override;
  void snapshot_wanted() override { wanted_ = true; }
  [[nodiscard]] Status stalled() override { return {}; }
  void status_changed(const Core::Status&) override {}

 private:
  Status save(const Content& content);

  const RaftId id_;
  FileSystem& files_;
  const std::string path_;
  RaftChecker& checker_;

  Content now_;
  Content saved_;  // on disk
  std::deque<Committed> waiting_;
  Index handed_;
  Bytes staged_;
  bool wanted_ = false;
};

}  // namespace rqlite::raft
