#include "store/consensus.h"

#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "raft/log_to_core.h"
#include "store/ticks.h"

namespace rqlite::store {
namespace {

// A leader whose disk is full asks each other member so often to lead instead.
constexpr auto kHandoverPause = std::chrono::seconds(10);
// As long as clients wait by default.
constexpr auto kCommitPatience = std::chrono::seconds(30);

}  // namespace

Result<std::unique_ptr<Consensus>> Consensus::start(Options options, FileSystem& files,
                                                    Executor& helper, raft::Transport& transport,
                                                    raft::StateMachine& machine,
                                                    const SnapshotRecord& record) {
  std::unique_ptr<Consensus> made(new Consensus(std::move(options)));
  const Options& with = made->options_;
  const Ticks ticks = in_ticks(with.heartbeat_timeout, with.election_timeout, with.lease_timeout,
                               with.commit_timeout);
  const raft::Snapshot snapshot{record.index, record.term, record.conf_state,
                                encode_snapshot_record(record)};
  raft::Core::Options core;
  core.id = with.id;
  core.election_ticks = ticks.election;
  core.campaign_ticks = ticks.campaign;
  core.lease_ticks = ticks.lease;
  core.timeout_seed = random_from_system();
  core.log_level = with.log_level;
  raft::Core::Builder builder(core, snapshot);
  raft::LogToCore replay(builder);
  raft::SegmentLog::Recovered recovered;
  Result<std::unique_ptr<raft::SegmentLog>> log = raft::SegmentLog::open(
      files, helper, {.directory = with.log_directory, .segment_bytes = with.log_segment_bytes},
      snapshot, replay, recovered);
  if (!log.ok()) return log.error();
  made->log_ = std::move(*log);
  if (!recovered.torn.empty()) {
    rqlite::log("raft", "cut off what a crash left half written in {}", recovered.torn);
  }
  made->core_ = builder.start(recovered.hard_state.value_or(raft::HardState{}), *made->log_);
  raft::Driver::Options driver;
  driver.id = with.id;
  driver.handover_pause_ticks = static_cast<std::uint64_t>(kHandoverPause / ticks.tick) + 1;
  driver.on_handover = with.on_handover;
  driver.patience_ticks = static_cast<std::uint64_t>(kCommitPatience / ticks.tick) + 1;
  driver.on_stuck = with.on_stuck;
  made->driver_ = std::make_unique<raft::Driver>(driver, *made->core_, *made->log_, transport,
                                                 machine, record.conf_state);
  made->thread_ = std::make_unique<raft::DriverThread>(
      *made->driver_, raft::DriverThread::Options{ticks.tick, with.apply_timeout}, with.on_failure);
  return made;
}

void Consensus::propose_change(raft::ChangeKind kind, raft::RaftId id, Bytes context,
                               std::unique_ptr<raft::Proposal> proposal) {
  // Shared, because callbacks are copied about; it runs once.
  auto shared = std::make_shared<std::unique_ptr<raft::Proposal>>(std::move(proposal));
  const bool taken =
      thread_->call([kind, id, context = std::move(context), shared](raft::Driver& driver) {
        driver.propose_change(kind, id, context, std::move(*shared));
      });
  if (!taken) (*shared)->failed({Code::kUnavailable, "store not open"});
}

void Consensus::snapshot_taken(const SnapshotRecord& record, std::uint64_t trailing) {
  raft::Driver::Retention retention = options_.retention;
  retention.entries = trailing;
  thread_->call([record, retention](raft::Driver& driver) {
    driver.snapshot_taken(
        {record.index, record.term, record.conf_state, encode_snapshot_record(record)},
        driver.releasable(record.index, retention));
  });
}

void Consensus::campaign() {
  thread_->call([](raft::Driver& driver) { driver.campaign(); });
}

void Consensus::step_now(MakeMessage make, std::function<void()> then) {
  const bool taken = thread_->call([make = std::move(make), then](raft::Driver& driver) {
    driver.step(make(driver.status().term));
    (void)driver.round();  // the thread's next one says so, too, if it failed
    then();
  });
  if (!taken) then();
}

void Consensus::transfer(raft::RaftId to) {
  thread_->call([to](raft::Driver& driver) { driver.transfer(to); });
}

void Consensus::report_unreachable(raft::RaftId id) {
  thread_->call([id](raft::Driver& driver) { driver.report_unreachable(id); });
}

void Consensus::report_snapshot(raft::RaftId id, bool arrived) {
  thread_->call([id, arrived](raft::Driver& driver) { driver.report_snapshot(id, arrived); });
}

void Consensus::keep_log_after(raft::RaftId member, raft::Index index) {
  thread_->call([member, index](raft::Driver& driver) { driver.keep_after(member, index); });
}

void Consensus::matches(std::vector<raft::RaftId> members,
                        std::function<void(const Matches&)> then) {
  const bool taken = thread_->call([members = std::move(members), then](raft::Driver& driver) {
    Matches matches;
    for (const raft::RaftId id : members) matches.emplace_back(id, driver.matched(id));
    then(matches);
  });
  if (!taken) then({});
}

void Consensus::close() {
  driver_.reset();
  core_.reset();
  log_.reset();
}

}  // namespace rqlite::store
