#include "store/log_replay.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "raft/log_to_core.h"

namespace rqlite::store {
namespace {

// What is applied at once.
constexpr std::uint64_t kBatchBytes = 4 << 20;

}  // namespace

Result<std::unique_ptr<LogReplay>> LogReplay::open(Options options, FileSystem& files,
                                                   const DatabaseFiles& paths, SlotFile& slot,
                                                   const Clock& clock,
                                                   const SnapshotRecord& record) {
  std::unique_ptr<LogReplay> made(new LogReplay(std::move(options), files, paths, slot));
  RETURN_IF_ERROR(made->open_database(clock, record));
  RETURN_IF_ERROR(made->open_log(record));
  return made;
}

Status LogReplay::open_database(const Clock& clock, const SnapshotRecord& record) {
  outcomes_.restore(record.state);
  Result<std::unique_ptr<OutcomeJournal>> journal =
      OutcomeJournal::open(files_, paths_.raft(), record.state.journal,
                           [this](OutcomeRecord each) { outcomes_.restore(std::move(each)); });
  if (!journal.ok()) return journal.error();
  journal_ = std::move(*journal);
  Result<std::unique_ptr<Writer>> writer =
      Writer::open({paths_.main(), options_.foreign_keys, options_.base_vfs, options_.extensions},
                   record.state.session);
  if (!writer.ok()) return writer.error();
  writer_ = std::move(*writer);
  // Nobody waits for a snapshot to be taken: it may move everything at once.
  Snapshotter::Options at_once;
  at_once.held_bytes_max = UINT64_MAX;
  Result<std::unique_ptr<Snapshotter>> snapshotter =
      Snapshotter::open({files_, executor_, *writer_, slot_, outcomes_, *journal_, clock, [] {},
                         [](const SnapshotRecord&, bool) {}, [](bool) {}},
                        paths_, at_once, record, options_.base_vfs);
  if (!snapshotter.ok()) return snapshotter.error();
  snapshotter_ = std::move(*snapshotter);
  machine_ = std::make_unique<Machine>(*writer_, *snapshotter_, set_aside_, applied_, outcomes_,
                                       record, options_.node_id);
  return {};
}

Status LogReplay::open_log(const SnapshotRecord& record) {
  const raft::Snapshot snapshot{record.index, record.term, record.conf_state, {}};
  raft::Core::Builder builder({.id = options_.raft_id}, snapshot);
  raft::LogToCore replay(builder);
  raft::SegmentLog::Recovered recovered;
  Result<std::unique_ptr<raft::SegmentLog>> log = raft::SegmentLog::open(
      files_, executor_, {.directory = paths_.log(), .segment_bytes = options_.log_segment_bytes},
      snapshot, replay, recovered);
  if (!log.ok()) return log.error();
  log_ = std::move(*log);
  core_ = builder.start(recovered.hard_state.value_or(raft::HardState{}), *log_);
  return {};
}

raft::Committed LogReplay::to_committed(const raft::EntryView& entry) {
  raft::Committed committed;
  committed.index = entry.index;
  committed.term = entry.term;
  committed.kind = entry.kind;
  committed.data = Bytes(entry.data);
  if (entry.kind == raft::EntryKind::kChange) {
    raft::Core::Change change = core_->apply_change(committed.data);
    committed.conf_state = std::move(change.conf_state);
    committed.context = std::move(change.context);
  }
  return committed;
}

Status LogReplay::apply_all() {
  const raft::Index end = last().next();
  for (raft::Index at = applied().index.next(); at < end; at = applied().index.next()) {
    std::vector<raft::Committed> batch;
    for (const raft::EntryView& entry : core_->entries(at, end, kBatchBytes)) {
      batch.push_back(to_committed(entry));
    }
    RETURN_IF_ERROR(machine_->apply(std::move(batch)));
  }
  return {};
}

Status LogReplay::take_snapshot(const Snapshotter::Applied& as) {
  if (as.index == snapshotter_->last().index) {
    // The main file is it already.
    SnapshotRecord record = snapshotter_->last();
    record.conf_state = as.conf_state;
    record.state.cluster_id = as.state.cluster_id;
    record.state.members = as.state.members;
    return slot_.replace(encode_snapshot_record(record));
  }
  std::optional<Status> outcome;
  snapshotter_->request([&](const Snapshotter::Outcome& each) { outcome = each.status; });
  while (!outcome) RETURN_IF_ERROR(snapshotter_->poll(as));
  return *outcome;
}

}  // namespace rqlite::store
