#pragma once

#include "raft/log.h"
#include "raft/log_model.h"
#include "raft/raft_checker.h"

namespace rqlite::raft {

// A log, with its model and the checker listening.
class WatchedLog final : public Log {
 public:
  // All must outlive *this.
  WatchedLog(RaftId member, Log& log, LogModel& model, RaftChecker& checker)
      : member_(member), log_(log), model_(model), checker_(checker) {}

  // Whether the member leads, and did so at its last write.
  void set_leads(bool leads) { leads_ = leads; }
  // Whether the error that ended the driver came from here.
  [[nodiscard]] bool failed() const { return failed_; }

  std::uint64_t reads = 0;
  std::uint64_t refusals = 0;  // for want of room

  Status reserve(std::size_t entries, std::size_t bytes) override {
    const Status status = log_.reserve(entries, bytes);
    if (!status.ok()) refusals++;
    return status;
  }
  bool has_room() override { return log_.has_room(); }
  Status append(const std::optional<HardState>& hard_state,
                std::span<const EntryView> entries) override {
    checker_.writes(member_, leads_, model_.acknowledged(), entries);
    model_.append(hard_state, entries);
    return settle(log_.append(hard_state, entries));
  }
  Status read(Index low, Index high, std::size_t bytes_max, const Sink& sink) override {
    reads++;
    return log_.read(low, high, bytes_max, sink);
  }
  void release(Index index) override { log_.release(index); }
  [[nodiscard]] Index first_within(std::uint64_t bytes) const override {
    return log_.first_within(bytes);
  }
  Status restart_after(Index index, Term term) override {
    model_.restart_after(index, term);
    return settle(log_.restart_after(index, term));
  }

 private:
  Status settle(Status status) {
    failed_ = !status.ok();
    if (status.ok()) model_.acknowledge();
    return status;
  }

  const RaftId member_;
  Log& log_;
  LogModel& model_;
  RaftChecker& checker_;
  bool leads_ = false;
  bool failed_ = false;
};

}  // namespace rqlite::raft
