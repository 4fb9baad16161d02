#include "raft/sim_member.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "raft/message.h"

namespace rqlite::raft {
namespace {

constexpr std::uint64_t kTickMs = 50;
constexpr const char* kSnapshotPath = "/data/snapshot";

// Feeds a core, and remembers.
class ToBuilder final : public LogReplay {
 public:
  explicit ToBuilder(Core::Builder& builder) : builder_(builder) {}
  void entry(const EntryView& entry) override {
    builder_.entry(entry);
    collected.entry(entry);
  }
  void restart() override {
    builder_.restart();
    collected.restart();
  }
  CollectReplay collected;

 private:
  Core::Builder& builder_;
};

class SimRead final : public Read {
 public:
  explicit SimRead(RaftChecker& checker) : checker_(checker), must_see_(checker.read_begins()) {}
  void ready(Index index) override {
    answer();
    checker_.read_ready(must_see_, index);
  }
  void failed(const Status&) override { answer(); }

 private:
  void answer() {
    if (std::exchange(answered_, true)) checker_.fail("a read is answered twice");
  }

  RaftChecker& checker_;
  const Index must_see_;
  bool answered_ = false;
};

const SegmentLog::Options kLogOptions{.directory = "/data/log", .segment_bytes = 16 << 10};

}  // namespace

SimMember::Figures& SimMember::Figures::operator+=(const Figures& other) {
  starts += other.starts;
  torn_logs += other.torn_logs;
  snapshots_taken += other.snapshots_taken;
  snapshots_installed += other.snapshots_installed;
  deaths_by_disk += other.deaths_by_disk;
  held_back += other.held_back;
  read_back += other.read_back;
  no_room += other.no_room;
  handovers += other.handovers;
  stuck += other.stuck;
  return *this;
}

SimMember::SimMember(RaftId id, const Parts& parts)
    : id_(id), parts_(parts), tick_ms_(kTickMs - 2 + parts.random.below(5)) {
  CHECK(files_.make_directories("/data").ok());
}

SimMember::~SimMember() { close(); }

void SimMember::found(const Members& members) {
  SimMachine::Content content;
  content.index = Index(1);
  content.term = Term(1);
  content.conf_state = encode_members(members);
  CHECK(SegmentLog::make(files_, executor_, kLogOptions).ok());
  CHECK(files_.replace_file(kSnapshotPath, SimMachine::encode(content)).ok());
}

void SimMember::start() {
  CHECK(!runs() && !retired_);
  life_++;
  parts_.figures.starts++;
  parts_.checker.starts(id_);
  if (Status status = open(); !status.ok()) return died_of(status);
  next_tick_ms_ = parts_.now_ms + parts_.random.below(tick_ms_);
  busy_ = true;
}

Status SimMember::open() {
  machine_ = std::make_unique<SimMachine>(id_, files_, kSnapshotPath, parts_.checker);
  RETURN_IF_ERROR(machine_->open());
  const Snapshot snapshot = machine_->snapshot();

  Core::Options options;
  options.id = id_;
  options.election_ticks = 6;
  options.campaign_ticks = 9;
  options.lease_ticks = 3;
  options.timeout_seed = parts_.random.next();
  options.message_bytes_max = 2 << 10;
  options.inflight_messages_max = 8;
  options.uncommitted_bytes_max = 64 << 10;
  options.committed_bytes_per_ready_max = 4 << 10;
  options.tail_bytes_max = 4 << 10;
  options.log_level = LogLevel::kError;
  Core::Builder builder(options, snapshot);
  ToBuilder replay(builder);
  SegmentLog::Recovered recovered;
  Result<std::unique_ptr<SegmentLog>> log =
      SegmentLog::open(files_, executor_, kLogOptions, snapshot, replay, recovered);
  if (!log.ok()) return log.error();
  log_ = std::move(*log);
  if (!recovered.torn.empty()) parts_.figures.torn_logs++;

  LogContent& found = replay.collected.content;
  found.hard_state = recovered.hard_state.value_or(HardState{});
  found.before = snapshot.index;
  found.before_term = snapshot.term;
  if (const std::string complaint = model_.complaint(snapshot, found); !complaint.empty()) {
    parts_.checker.fail(
        fmt::format("the log of {} is not what it must be: {}", id_.value(), complaint));
  }
  model_.adopt(found);
  watched_ = std::make_unique<WatchedLog>(id_, *log_, model_, parts_.checker);
  core_ = builder.start(found.hard_state, *watched_);
  driver_ = std::make_unique<Driver>(
      Driver::Options{.id = id_,
                      .round_bytes_max = 8 << 10,
                      .unapplied_bytes_max = 8 << 10,
                      .handover_pause_ticks = 20,
                      .on_handover = [this](RaftId) { parts_.figures.handovers++; },
                      .patience_ticks = 5,
                      .on_stuck = [this](bool is_stuck) { parts_.figures.stuck += is_stuck; }},
      *core_, *watched_, *this, *machine_, snapshot.conf_state);
  return {};
}

void SimMember::close() {
  if (watched_) {
    parts_.figures.read_back += watched_->reads;
    parts_.figures.no_room += watched_->refusals;
  }
  driver_.reset();
  core_.reset();
  watched_.reset();
  log_.reset();
  machine_.reset();
}

void SimMember::crash(SimFileSystem::Crash kind) {
  close();
  files_.crash(kind, parts_.random);
  dies_at_ms_ = stalls_until_ms_ = 0;
  inbox_.clear();
  to_report_ = Index();
  leads_since_.reset();
  paused_ = false;
}

void SimMember::retire() {
  crash(any_crash());
  retired_ = true;
}

SimFileSystem::Crash SimMember::any_crash() {
  return parts_.random.chance(0.3) ? SimFileSystem::Crash::kProcess : SimFileSystem::Crash::kPower;
}

void SimMember::fail_soon() {
  switch (parts_.random.below(5)) {
    case 0:
      files_.fail_sync_after(parts_.random.below(3));
      break;
    case 1:
      files_.fail_after(parts_.random.below(8), EIO);
      break;
    default:
      files_.freeze_after(parts_.random.below(8));
  }
  dies_at_ms_ = parts_.now_ms + 1 + parts_.random.below(300);
}

void SimMember::fill_disk() {
  full_ = true;
  files_.set_capacity(files_.used_bytes() + parts_.random.below(20'000));
}

void SimMember::mend_disk() {
  full_ = false;
  files_.set_capacity(std::nullopt);
}

void SimMember::died_of(const Status& why) {
  const bool no_room = full_ && why.code() == Code::kDiskFull && !(watched_ && watched_->failed());
  if (dies_at_ms_ == 0 && !no_room) {
    parts_.checker.fail(fmt::format("{} fails: {}", id_.value(), why.text()));
  }
  if (dies_at_ms_ != 0) parts_.figures.deaths_by_disk++;
  crash(any_crash());
}

Driver& SimMember::driver() {
  busy_ = true;
  return *driver_;
}

void SimMember::deliver(const Parcel& parcel) { inbox_.push_back(parcel); }

void SimMember::take_in(const Parcel& parcel) {
  driver().step(parcel.message);
  if (!parcel.is_snapshot) return;
  // The content is there for as long as the core makes up its mind.
  if (parts_.random.chance(0.1)) fail_soon();
  const Index before = machine_->snapshot().index;
  machine_->stage(parcel.content);
  run_round();
  if (!runs()) return;
  if (machine_->snapshot().index != before) parts_.figures.snapshots_installed++;
  machine_->stage("");
}

void SimMember::report(const SnapshotReport& report) {
  if (report.life == life_) driver().report_snapshot(report.to, report.arrived);
}

std::uint64_t SimMember::propose(std::size_t size) {
  auto proposal = std::make_unique<SimProposal>(parts_.checker, size);
  const std::uint64_t number = proposal->number();
  driver().propose(std::move(proposal));
  return number;
}

std::uint64_t SimMember::propose_change(ChangeKind kind, RaftId id) {
  auto proposal = std::make_unique<SimProposal>(parts_.checker, 0);
  const std::uint64_t number = proposal->number();
  Bytes context;
  append_number(context, number);
  driver().propose_change(kind, id, context, std::move(proposal));
  return number;
}

void SimMember::read() { driver().read(std::make_unique<SimRead>(parts_.checker)); }

void SimMember::take_snapshot(std::uint64_t trailing) {
  if (machine_->content().index <= machine_->snapshot().index) return;
  const Status taken = machine_->take_snapshot();
  if (!taken.ok()) return;  // no room, or about to die: the last one still counts
  parts_.figures.snapshots_taken++;
  const Snapshot snapshot = machine_->snapshot();
  const std::uint64_t index = snapshot.index.value();
  driver().snapshot_taken(snapshot, Index(index - std::min(index, trailing)));
}

void SimMember::settle() {
  if (dies_at_ms_ != 0 && parts_.now_ms >= dies_at_ms_) return crash(any_crash());
  if (parts_.now_ms < stalls_until_ms_) return;
  for (const Parcel& parcel : std::exchange(inbox_, {})) {
    if (runs()) take_in(parcel);
  }
  if (!runs()) return;
  if (parts_.now_ms >= next_tick_ms_) {
    next_tick_ms_ = parts_.now_ms + tick_ms_;
    driver().tick();
  }
  if (machine_->has_waiting() && !paused_ && parts_.random.chance(0.5)) {
    machine_->apply_some(1 + parts_.random.below(20));
    to_report_ = machine_->content().index;
  }
  // Whoever applies is another thread: its report comes late, and perhaps too late.
  if (to_report_ != Index() && parts_.random.chance(0.3)) {
    driver().applied(std::exchange(to_report_, Index()));
  }
  if (machine_->take_snapshot_wanted()) take_snapshot(parts_.random.below(10));
  if (busy_) run_round();
}

void SimMember::run_round() {
  busy_ = false;
  const Core::Status before = driver_->status();
  watched_->set_leads(before.role == Role::kLeader && leads_since_ == before.term);
  if (Status status = driver_->round(); !status.ok()) return died_of(status);
  leads_since_.reset();
  if (leads()) leads_since_ = driver_->status().term;
  if (driver_->holding_back()) parts_.figures.held_back++;
  parts_.checker.stands(id_, driver_->status(), model_.acknowledged());
  if (driver_->removed()) retire();
}

bool SimMember::leads() const { return runs() && driver_->status().role == Role::kLeader; }

void SimMember::audit() {
  if (busy_) return;  // entries may wait to be written
  const Core::Status status = driver_->status();
  const LogContent& log = model_.acknowledged();
  if (status.last != log.last()) {
    return parts_.checker.fail(fmt::format("{} has a log up to {} and wrote it up to {}",
                                           id_.value(), status.last.value(), log.last().value()));
  }
  for (Index at = std::max(status.first, log.before.next()); at <= status.last;) {
    for (const EntryView& entry : core_->entries(at, status.last.next(), 10'000)) {
      if (log.find(entry.index) == nullptr || *log.find(entry.index) != LogEntry(entry)) {
        return parts_.checker.fail(fmt::format("the core of {} has another entry {} than it wrote",
                                               id_.value(), entry.index.value()));
      }
      at = entry.index.next();
    }
  }
}

void SimMember::send(RaftId to, bool is_snapshot, BytesView message) {
  Parcel parcel{id_, to, life_, Bytes(message), is_snapshot, "", false};
  if (is_snapshot) {
    const std::optional<MessageContent> content = peek_message(message);
    CHECK(content && content->snapshot);
    // A newer snapshot has taken the place of the one that the message names.
    if (content->snapshot->index != machine_->snapshot().index) return parts_.network.lose(parcel);
    parcel.content = machine_->snapshot_content();
  }
  parts_.network.send(std::move(parcel), parts_.now_ms);
}

}  // namespace rqlite::raft
