#include "store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <utility>

#include "base/check.h"
#include "base/disk_usage.h"
#include "base/log.h"
#include "command/command.h"
#include "raft/members.h"
#include "raft/message.h"
#include "sqlite/figures.h"
#include "sqlite/shared_library.h"
#include "store/barrier.h"
#include "store/identity.h"
#include "store/recovery.h"
#include "store/trial.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

// How often to look for proposals that have waited for so long: they wait for little longer.
Nanos look_every(std::chrono::nanoseconds apply_timeout) {
  if (apply_timeout == 0ns) return 1s;
  return std::clamp<Nanos>(apply_timeout / 8, 5ms, 1s);
}

void on_stuck(bool is_stuck) {
  if (is_stuck) {
    log("store",
        "no majority stores what this node, the leader, sends: disks may be full. Writes are "
        "refused until one does");
  } else {
    log("store", "a majority stores what this node sends, or another node leads");
  }
}

// Shorter than whoever asks through another node waits for an answer.
constexpr Nanos kConfirmPatience = 3s;

// Whether `batch`, which another node made, is one request that can be read to its end: an entry
// that cannot would stop every member.
bool is_forwardable(BytesView batch, const command::Origin& origin) {
  const std::optional<command::Command> decoded = command::decode_command(batch);
  if (!decoded || decoded->requests.size() != 1) return false;
  if (decoded->place || decoded->origin || decoded->replacement || decoded->piece) return false;
  command::RequestReader reader(decoded->requests.front());
  while (reader.next()) continue;
  return reader.ok() && origin.answered_below <= origin.number;
}
Status not_forwardable() { return {Code::kInvalid, "what was forwarded is not one write"}; }

}  // namespace

Store::Store(Options options, FileSystem& files, const Clock& clock)
    : options_(std::move(options)),
      files_(files),
      clock_(clock),
      paths_(options_.directory),
      set_aside_(files, paths_, options_.base_vfs, options_.extensions),
      view_(clock),
      replacer_(*this, set_aside_, files_, paths_, clock_) {}

Store::~Store() { close(0s); }

Result<std::unique_ptr<Store>> Store::open(Options options, FileSystem& files, const Clock& clock,
                                           std::optional<DirectoryLock> lock) {
  std::unique_ptr<Store> store(new Store(std::move(options), files, clock));
  if (lock) store->lock_.emplace(std::move(*lock));
  if (Status status = store->start(); !status.ok()) return status;
  return store;
}

Status Store::start() {
  RETURN_IF_ERROR(files_.make_directories(paths_.raft()));
  if (!lock_) {
    Result<DirectoryLock> lock = DirectoryLock::take(paths_.lock());
    if (!lock.ok()) return lock.error();
    lock_.emplace(std::move(*lock));
  }
  RETURN_IF_ERROR(clear_scratch());
  RETURN_IF_ERROR(found_if_new());
  Result<SnapshotRecord> record = recover();
  if (!record.ok()) return blame_snapshot_slot(record.error());
  view_.begin(raft_id_, record->index == raft::Index());
  on_members({record->index, record->term, record->conf_state, record->state});

  outcomes_.restore(record->state);
  Result<std::unique_ptr<OutcomeJournal>> journal =
      OutcomeJournal::open(files_, paths_.raft(), record->state.journal,
                           [this](OutcomeRecord each) { outcomes_.restore(std::move(each)); });
  if (!journal.ok()) return journal.error();
  journal_ = std::move(*journal);

  for (const std::string& extension : options_.extensions) {
    RETURN_IF_ERROR(sqlite::check_shared_library(files_, extension)
                        .with_context("failed to create on-disk database"));
  }
  const TimePoint began = clock_.now();
  Result<std::unique_ptr<Writer>> writer =
      Writer::open({paths_.main(), options_.foreign_keys, options_.base_vfs, options_.extensions},
                   record->state.session);
  if (!writer.ok()) return writer.error().with_context("failed to create on-disk database");
  writer_ = std::move(*writer);
  opening_took_ = clock_.now() - began;
  writer_settings_ = sqlite::read_figures(writer_->connection()).settings;
  writer_foreign_keys_ = writer_->foreign_keys();
  applied_term_ = record->term.value();
  Result<std::unique_ptr<Snapshotter>> snapshotter = Snapshotter::open(
      {files_, helper_, *writer_, *snapshot_slot_, outcomes_, *journal_, clock_,
       [this] { apply_thread_->wake(); },
       [this](const SnapshotRecord& taken, bool replaced) { on_snapshot(taken, replaced); },
       [this](bool out) { readers_->keep_out(out); }},
      paths_, options_.snapshots, *record, options_.base_vfs);
  if (!snapshotter.ok()) return snapshotter.error();
  snapshotter_ = std::move(*snapshotter);
  machine_ = std::make_unique<Machine>(
      *writer_, *snapshotter_, set_aside_, applied_, outcomes_, *record, options_.node_id,
      GroupApply::kGroupMax, [this](const Snapshotter::Applied& now) { on_members(now); });
  ApplyThread::Listener& listener = *this;
  apply_thread_ = std::make_unique<ApplyThread>(*machine_, applied_, clock_, listener,
                                                look_every(options_.consensus.apply_timeout));
  readers_ = std::make_unique<ReaderPool>(
      ReaderPool::Options{.path = paths_.main(),
                          .foreign_keys = options_.foreign_keys,
                          .base_vfs = options_.base_vfs,
                          .extensions = options_.extensions,
                          .connections_max = options_.read_connections_max});
  Reads::Log& log = *this;
  reads_ = std::make_unique<Reads>(log, view_, *readers_, applied_, clock_);
  RETURN_IF_ERROR(start_consensus(*record));
  maintenance_ = std::make_unique<Maintenance>(options_.maintenance, files_, paths_.maintenance(),
                                               clock_, maintenance_work_);
  return {};
}

Result<SnapshotRecord> Store::recover() {
  Result<SnapshotRecord> record =
      recover_database(files_, paths_, *snapshot_slot_, options_.base_vfs);
  if (!record.ok() || !options_.recovery) return record;
  PeersRecovery recovery({.node = {raft_id_, options_.node_id, options_.raft_address},
                          .peers = options_.recovery->peers,
                          .file = options_.recovery->file,
                          .done_file = options_.recovery->done_file,
                          .foreign_keys = options_.foreign_keys,
                          .extensions = options_.extensions,
                          .base_vfs = options_.base_vfs,
                          .log_segment_bytes = options_.consensus.log_segment_bytes},
                         files_, paths_, *snapshot_slot_, clock_);
  if (Status status = recovery.run(*record); !status.ok()) {
    return status.with_context("failed to recover node");
  }
  return recover_database(files_, paths_, *snapshot_slot_, options_.base_vfs);
}

// A damaged record leaves the one before it, of which less and less is there: what is missing then
// is not what was damaged.
Status Store::blame_snapshot_slot(const Status& why) const {
  const std::optional<std::uint64_t> at = snapshot_slot_->damaged_at();
  if (why.code() != Code::kFailed || !at) return why;
  return why.with_context(fmt::format("{} is damaged at byte {}", paths_.snapshot(), *at));
}

Status Store::clear_scratch() {
  RETURN_IF_ERROR(files_.make_directories(paths_.set_aside()));
  RETURN_IF_ERROR(files_.make_directories(paths_.scratch()));
  Result<std::vector<std::string>> left = files_.list(paths_.scratch());
  if (!left.ok()) return left.error();
  for (const std::string& name : *left) {
    RETURN_IF_ERROR(files_.remove(paths_.scratch() + "/" + name));
  }
  return {};
}

Status Store::found_if_new() {
  Result<raft::RaftId> id = read_or_make_raft_id(files_, paths_);
  if (!id.ok()) return id.error();
  raft_id_ = *id;
  SnapshotRecord record;
  Result<SlotFile> slot = SlotFile::open(files_, paths_.snapshot(), encode_snapshot_record(record));
  if (!slot.ok()) return slot.error();
  snapshot_slot_.emplace(std::move(*slot));
  const std::optional<SnapshotRecord> found = decode_snapshot_record(snapshot_slot_->value());
  resumed_ = found && found->index != raft::Index();
  if (!found || resumed_ || !options_.founds) return {};

  // The log comes first: from here on a node without one has lost it.
  RETURN_IF_ERROR(blame_snapshot_slot(raft::SegmentLog::make(
      files_, helper_,
      {.directory = paths_.log(), .segment_bytes = options_.consensus.log_segment_bytes})));
  RETURN_IF_ERROR(files_.sync_directory(paths_.raft()));
  record = founding_record(make_cluster_id(),
                           {{raft_id_, Member{options_.node_id, options_.raft_address}}});
  return snapshot_slot_->replace(encode_snapshot_record(record));
}

SnapshotRecord Store::founding_record(const std::string& cluster_id,
                                      std::map<raft::RaftId, Member> members) const {
  // The founding members stand at the log's first index, as if a snapshot had brought them.
  SnapshotRecord record;
  record.index = raft::Index(1);
  record.term = raft::Term(1);
  raft::Members parts;
  for (const auto& [id, member] : members) parts.voters.push_back(id);
  record.conf_state = raft::encode_members(parts);
  record.state.cluster_id = cluster_id;
  record.state.members = std::move(members);
  return record;
}

Status Store::start_consensus(const SnapshotRecord& record) {
  Consensus::Options options = options_.consensus;
  options.id = raft_id_;
  options.log_directory = paths_.log();
  options.on_failure = [this](const Status& why) { on_failure(why); };
  options.on_handover = [this](raft::RaftId to) { on_handover(to); };
  options.on_stuck = on_stuck;
  raft::Transport& transport = options_.transport == nullptr ? no_transport_ : *options_.transport;
  // Its threads may be faster than this one.
  MutexLock lock(mutex_);
  Result<std::unique_ptr<Consensus>> consensus =
      Consensus::start(std::move(options), files_, helper_, transport, *apply_thread_, record);
  if (!consensus.ok()) return blame_snapshot_slot(consensus.error());
  consensus_ = std::move(*consensus);
  seeds_ = Random(random_from_system());
  const raft::Core::Status status = consensus_->status();
  view_.core_started(status);
  log_end_at_start_ = status.last.value();
  last_snapshot_ = record;
  last_snapshot_at_ = snapshot_written_at();
  // Nobody else could win: there is no reason to wait for a timeout.
  if (raft::decode_members(record.conf_state).voters == std::vector{raft_id_}) {
    consensus_->campaign();
  }
  return {};
}

Consensus& Store::consensus() {
  MutexLock lock(mutex_);
  return *consensus_;
}

void Store::close(std::chrono::nanoseconds patience) {
  if (!apply_thread_ || !consensus_) return;
  if (maintenance_) maintenance_->stop();
  consensus_->stop();  // it stays, and refuses what threads that still run ask it for
  reads_->stop();
  if (patience > 0s && !failed_ && apply_thread_->stalled().ok()) {
    // So that the next start has nothing to replay. Not needed for anything else.
    auto done = std::make_shared<std::promise<void>>();
    std::future<void> taken = done->get_future();
    snapshotter_->request([done](const Snapshotter::Outcome&) { done->set_value(); });
    (void)taken.wait_for(patience);
  }
  apply_thread_->stop();
  applied_.close({Code::kUnavailable, "store not open"});
  readers_->close();
  consensus_->close();
  snapshotter_.reset();  // waits for what its helper is at, which wakes the apply thread
  apply_thread_.reset();
  machine_.reset();
  journal_.reset();
  writer_.reset();
  maintenance_.reset();  // nobody is left who could answer it
  lock_.reset();
}

command::Header Store::make_header() {
  command::Header header;
  header.unix_milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock_.wall_now().time_since_epoch())
          .count();
  {
    MutexLock lock(mutex_);
    header.seed = seeds_.next();
  }
  return header;
}

void Store::write(Bytes batch, std::unique_ptr<Write> write) {
  propose(std::move(batch), make_header(), std::nullopt, std::move(write));
}

void Store::write_within(std::chrono::nanoseconds timeout, Bytes batch,
                         std::unique_ptr<Write> write) {
  try_and_propose(timeout, std::move(batch), std::nullopt, std::move(write));
}

void Store::write(Bytes batch, const command::Origin& origin, std::unique_ptr<Write> write) {
  if (!is_forwardable(batch, origin)) return write->failed(not_forwardable());
  propose(command::encode_command(std::move(batch), make_header(), origin), std::move(write));
}

void Store::write_within(std::chrono::nanoseconds timeout, Bytes batch,
                         const command::Origin& origin, std::unique_ptr<Write> write) {
  if (!is_forwardable(batch, origin)) return write->failed(not_forwardable());
  try_and_propose(timeout, std::move(batch), origin, std::move(write));
}

void Store::try_and_propose(std::chrono::nanoseconds timeout, Bytes batch,
                            const std::optional<command::Origin>& origin,
                            std::unique_ptr<Write> write) {
  // Only who leads may propose, and only what leads needs to be tried.
  if (Status status = may_write(); !status.ok()) return write->failed(status);
  const TimePoint deadline = later(clock_.now(), timeout);
  auto tried = std::make_shared<std::pair<Bytes, std::unique_ptr<Write>>>(std::move(batch),
                                                                          std::move(write));
  apply_thread_->run_between([this, tried, origin, deadline](Machine* machine) {
    auto& [request, waiting] = *tried;
    if (machine == nullptr) return waiting->failed({Code::kUnavailable, "store not ready"});
    const command::Header header = make_header();
    // A repetition does not run: its time being up would say nothing of the first.
    if (!origin || !machine->has_applied(*origin)) {
      const std::optional<command::Command> decoded = command::decode_command(request);
      CHECK(decoded && decoded->requests.size() == 1);
      const Result<std::optional<std::uint64_t>> ran =
          Trial(machine->writer()).run(decoded->requests.front(), header, [this, deadline] {
            return clock_.now() >= deadline;
          });
      if (!ran.ok()) return waiting->failed(ran.error());
      if (*ran) request = command::limited_to(request, **ran);
    }
    propose(origin ? command::encode_command(std::move(request), header, *origin)
                   : command::encode_command(std::move(request), header),
            std::move(waiting));
  });
}

void Store::on_writer(WriterJob job) {
  apply_thread_->run_between([job = std::move(job)](Machine* machine) {
    if (machine == nullptr) return job(Status(Code::kUnavailable, "store not ready"));
    job(&machine->writer());
  });
}

void Store::replace_database(const std::string& path, std::unique_ptr<Write> write) {
  // Only after what an earlier run left in the log has been applied.
  Status status = may_write();
  if (status.ok() && !is_ready()) status = {Code::kUnavailable, "store not ready"};
  if (!status.ok()) {
    set_aside_.discard(path);
    return write->failed(status);
  }
  replacer_.replace(path, membership().entries().size() > 1, std::move(write));
}

void Store::put(const command::Piece& piece, std::unique_ptr<Write> write) {
  propose(command::encode_command(piece, make_header()), std::move(write));
}

void Store::put(const command::Replacement& replacement, std::unique_ptr<Write> write) {
  propose(command::encode_command(replacement, make_header()), std::move(write));
}

void Store::write(Bytes batch, const command::StreamPlace& place, std::unique_ptr<Write> write) {
  propose(std::move(batch), make_header(), place, std::move(write));
}

void Store::write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
                  std::unique_ptr<Write> write) {
  this->write(std::move(batch),
              command::StreamPlace{options_.node_id, epoch, first, raft_id_.value()},
              std::move(write));
}

void Store::confirm(raft::Index index, std::unique_ptr<Write> write) {
  if (Status status = view_.leads(); !status.ok()) return write->failed(status);
  // Shared, because callbacks are copied about; it is told once.
  const auto waiting = std::make_shared<std::unique_ptr<Write>>(std::move(write));
  when_applied(index, kConfirmPatience, [waiting, index](const Status& status) {
    if (status.ok()) return (*waiting)->applied(index, {});
    (*waiting)->failed({Code::kUnavailable, "the leader has not applied it yet"});
  });
}

void Store::propose(Bytes batch, const command::Header& header,
                    const std::optional<command::StreamPlace>& place,
                    std::unique_ptr<Write> write) {
  propose(command::encode_command(std::move(batch), header, place), std::move(write));
}

void Store::propose(Bytes command, std::unique_ptr<Write> write) {
  if (Status stalled = apply_thread_->stalled(); !stalled.ok()) {
    const bool full = stalled.code() == Code::kDiskFull;
    return write->failed(full ? Status(Code::kDiskFull, "disk is full") : stalled);
  }
  proposed_++;
  proposed_bytes_ += command.size();
  consensus_->propose(std::make_unique<WriteProposal>(std::move(command), std::move(write)));
}

void Store::found(const std::string& cluster_id, const std::map<raft::RaftId, Member>& members,
                  bool begins) {
  CHECK(members.contains(raft_id_));
  const SnapshotRecord record = founding_record(cluster_id, members);
  // Of nobody, and of whatever term this node is in: another founder may have begun already, and
  // have its vote.
  begin_with(
      {record, {}, std::nullopt},
      [this, record](raft::Term now) {
        return raft::snapshot_message(
            raft::RaftId(), raft_id_, std::max(now, record.term),
            {record.index, record.term, record.conf_state, encode_snapshot_record(record)});
      },
      [this, begins](bool begun) {
        if (begun && begins) consensus().campaign();
      });
}

void Store::install(ReceivedSnapshot received, BytesView message, std::function<void(bool)> done) {
  const SnapshotRecord& record = received.record;
  Bytes with_content = raft::with_snapshot(
      message, {record.index, record.term, record.conf_state, encode_snapshot_record(record)});
  begin_with(
      std::move(received),
      [with_content = std::move(with_content)](raft::Term) { return with_content; },
      std::move(done));
}

void Store::begin_with(ReceivedSnapshot received, Consensus::MakeMessage make,
                       std::function<void(bool)> done) {
  const std::optional<command::Replacement> file = received.file;
  // Set on the Raft thread, so that two that come at once do not meet.
  auto taken = std::make_shared<bool>(false);
  consensus().step_now(
      [this, taken, received = std::move(received), make = std::move(make)](raft::Term now) {
        CHECK(!apply_thread_->expect(received));
        *taken = true;
        return make(now);
      },
      [this, taken, file, done = std::move(done)] {
        // A core that knows better has not asked for it.
        const bool begun = *taken && !apply_thread_->expect(std::nullopt);
        if (file) set_aside_.settled(file->file);
        done(begun);
      });
}

void Store::change_members(raft::ChangeKind kind, const MembershipChange& change, Done done) {
  auto waiting = std::make_unique<Barrier>(
      [done = std::move(done)](const Status& status, raft::Index) { done(status); });
  Bytes context = kind == raft::ChangeKind::kRemove ? Bytes() : encode_membership_change(change);
  consensus_->propose_change(kind, change.raft_id, std::move(context),
                             std::make_unique<WriteProposal>(Bytes(), std::move(waiting)));
}

void Store::deliver(raft::RaftId from, Bytes message) {
  view_.heard_from(from);
  consensus_->deliver(std::move(message));
}

Status Store::may_write() {
  if (Status stalled = apply_thread_->stalled(); !stalled.ok()) return stalled;
  return view_.leads();
}

void Store::snapshot(std::optional<std::uint64_t> trailing, Snapshotter::Callback done) {
  // An apply thread that waits for room on the disk takes no snapshot, for however long that is.
  if (Status stalled = apply_thread_->stalled(); !stalled.ok()) return done({stalled, false});
  {
    MutexLock lock(mutex_);
    trailing_ = trailing;
  }
  snapshotter_->request([this, done = std::move(done)](const Snapshotter::Outcome& outcome) {
    {
      MutexLock lock(mutex_);
      trailing_.reset();  // if there was none to be taken
    }
    done(outcome);
  });
}

void Store::freeze(std::chrono::nanoseconds patience, Snapshotter::FreezeCallback done) {
  if (Status stalled = apply_thread_->stalled(); !stalled.ok()) return done(stalled);
  snapshotter_->freeze(patience, std::move(done));
}

Store::Report Store::report() {
  Report report;
  report.raft = consensus_->status();
  report.stalled = !consensus_->can_write();
  report.stuck = consensus_->is_stuck();
  // In this order, so that none is ahead of those that it is part of.
  report.last_write = machine_->last_write();
  report.last_command = machine_->last_command();
  report.applied = applied_.value();
  report.applied_at = applied_at_;
  report.applied_term = raft::Term(applied_term_);
  report.appended_at = appended_at_;
  report.resumed = resumed_;
  report.opening_took = opening_took_;
  report.last_apply_took = apply_thread_->last_took();
  report.proposed = proposed_;
  report.proposed_bytes = proposed_bytes_;
  report.reads = reads_->report();
  report.writer_settings = writer_settings_;
  for (auto& [name, value] : report.writer_settings) {
    if (name == "foreign_keys") value = writer_foreign_keys_ ? "1" : "0";
  }
  // The driver tells at the end of a round, whose entries may be applied before.
  report.raft.commit = std::max(report.raft.commit, report.applied);
  report.raft.last = std::max(report.raft.last, report.applied);
  const Snapshotter::Counters& counters = snapshotter_->counters();
  report.snapshots_taken = counters.taken;
  report.snapshots_blocked = counters.blocked;
  report.longest_snapshot_hold = std::chrono::nanoseconds(counters.longest_hold_ns);
  report.snapshots = &counters;
  report.wrote = writer_->counts();
  report.readers = readers_->counts();
  report.maintenance = maintenance_->report();
  report.cluster = view_.report();
  report.shut_down = options_.shuts_down_on_removal && leaves_as_leader_ && report.cluster.removed;
  MutexLock lock(mutex_);
  report.snapshot_at = last_snapshot_at_;
  report.snapshot_index = last_snapshot_.index;
  report.snapshot_term = last_snapshot_.term;
  return report;
}

WallTime Store::snapshot_written_at() const {
  return modified_at(paths_.snapshot()).value_or(clock_.wall_now());
}

void Store::on_snapshot(const SnapshotRecord& record, bool replaced) {
  const WallTime at = snapshot_written_at();
  std::uint64_t trailing = options_.consensus.retention.entries;
  {
    MutexLock lock(mutex_);
    last_snapshot_ = record;
    last_snapshot_at_ = at;
    trailing = std::exchange(trailing_, std::nullopt).value_or(trailing);
  }
  // Nobody has a use for the entries that brought what was replaced.
  consensus().snapshot_taken(record, replaced ? 0 : trailing);
}

void Store::on_members(const Snapshotter::Applied& applied) {
  const Membership membership(applied.state.members, applied.conf_state);
  view_.members_changed(applied.state.cluster_id, membership, applied.index);
  if (options_.on_members) options_.on_members(applied.state.cluster_id, membership);
  tell_news();
}

void Store::tell_news() {
  const ClusterView::News news = view_.news();
  if (news.of_leader && !news.leader) {
    log("store", "Leader is now unknown");
  } else if (news.of_leader && news.leader->is_self) {
    log("store", "this node (ID={}, addr={}) is now Leader", options_.node_id,
        options_.raft_address);
  } else if (news.of_leader) {
    log("store", "node {} at {} is now Leader", news.leader->member.node_id,
        news.leader->member.raft_address);
  }
  if (news.was_removed) {
    log("store",
        "this node (ID={}, addr={}) was removed from its cluster: it keeps what it has, and serves "
        "only reads of level none. Started again with -join, it comes back as a new member.",
        options_.node_id, options_.raft_address);
  }
}

void Store::on_look() {
  Consensus* consensus = nullptr;
  {
    MutexLock lock(mutex_);
    consensus = consensus_.get();
  }
  // While the store opens there is none yet.
  if (consensus == nullptr) return;
  consensus->expire_proposals();
  if (is_leader()) replacer_.give_up_orphan(machine_->now().state.incoming);
}

void Store::on_snapshot_wanted() {
  snapshotter_->request([](const Snapshotter::Outcome&) {});
}

void Store::on_applied(raft::Index index) {
  if (!log_was_applied_ && index.value() >= log_end_at_start_) {
    log_was_applied_ = true;
    set_aside_.let_go_of_leftovers();
  }
  applied_at_ = clock_.wall_now();
  applied_term_ = machine_->now().term.value();
  appended_at_ = machine_->appended_at();
  writer_foreign_keys_ = writer_->foreign_keys();
  consensus().applied(index);
}

void Store::on_status(const raft::Core::Status& status) {
  const bool leads = status.role == raft::Role::kLeader;
  if (leads) leaves_as_leader_ = false;  // it was not removed then
  view_.core_changed(status);
  if (options_.on_status) options_.on_status(status);
  tell_news();
}

void Store::on_handover(raft::RaftId to) {
  const Membership membership = view_.membership();
  const Membership::Entry* entry = membership.find(to);
  if (entry == nullptr) return;
  log("store", "disk is full: asking node {} at {} to lead", entry->member.node_id,
      entry->member.raft_address);
}

void Store::confirm(std::vector<std::unique_ptr<raft::Read>> reads) {
  consensus_->read(std::move(reads));
}

void Store::put_barrier(std::unique_ptr<Write> write) { this->write({}, std::move(write)); }

bool Store::lags_by_more_than(std::chrono::nanoseconds age) {
  const WallTime appended = appended_at_;
  if (appended == WallTime() || applied_.value() >= consensus_->status().commit) return false;
  return applied_at_.load() - appended > age;
}

raft::Term Store::applied_term() { return machine_->now().term; }

void Store::on_failure(const Status& why) {
  if (failed_.exchange(true)) return;
  if (options_.on_failure) options_.on_failure(why);
}

}  // namespace rqlite::store
