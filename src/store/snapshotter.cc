#include "store/snapshotter.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "store/recovery.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

// After readers were in the way.
constexpr std::chrono::milliseconds kRetryAfter = 100ms;
constexpr std::chrono::milliseconds kRetryWhenFull = 1s;

Status readers_in_the_way() {
  return {Code::kUnavailable, "snapshot: a reader keeps an old view of the database"};
}

// The first step is repeated while writes outrun it, but not for ever.
constexpr int kRoundsMax = 4;

// So much of what is kept of requests is written with the writer held.
constexpr std::size_t kHeldOutcomesBytes = 128 << 10;

}  // namespace

Snapshotter::Snapshotter(Parts parts, const DatabaseFiles& paths, Options options,
                         SnapshotRecord last, const char* base_vfs)
    : parts_(std::move(parts)),
      paths_(paths),
      options_(options),
      base_vfs_(base_vfs),
      last_(std::move(last)) {
  next_look_ = due_ = later(parts_.clock.now(), options_.interval);
  hold_ = std::make_shared<MainFileHold>(parts_.wake);
}

Snapshotter::~Snapshotter() {
  hold_->forget();
  wait_for_helper();
  close_guard();
  guard_.reset();
}

Result<std::unique_ptr<Snapshotter>> Snapshotter::open(Parts parts, const DatabaseFiles& paths,
                                                       Options options, const SnapshotRecord& last,
                                                       const char* base_vfs) {
  std::unique_ptr<Snapshotter> made(
      new Snapshotter(std::move(parts), paths, options, last, base_vfs));
  if (Status status = made->open_files(); !status.ok()) return status;
  return made;
}

Status Snapshotter::open_files() {
  // The guard's connection stays open, which also keeps SQLite's shared memory in place while the
  // writer's connection is replaced.
  Result<std::unique_ptr<sqlite::Connection>> guard =
      sqlite::Connection::open_reader(paths_.main(), false, base_vfs_);
  if (!guard.ok()) return guard.error();
  guard_ = std::move(*guard);
  Result<std::uint64_t> page_bytes = guard_->page_bytes();
  if (!page_bytes.ok()) return page_bytes.error();
  page_bytes_ = *page_bytes;
  // Opened once and kept: closing a file gives up every lock that this process holds on it,
  // SQLite's included.
  FileSystem& files = parts_.files;
  Result<std::unique_ptr<File>> main = files.open(paths_.main(), FileSystem::Open::kExisting);
  if (!main.ok()) return main.error();
  main_file_ = std::move(*main);
  Result<std::unique_ptr<File>> wal = files.open(paths_.wal(), FileSystem::Open::kExisting);
  if (!wal.ok()) return wal.error();
  wal_file_ = std::move(*wal);
  // The main file's beginning, and the names of both, have to be as durable as what follows.
  RETURN_IF_ERROR(main_file_->sync_data());
  return files.sync_directory(paths_.directory);
}

void Snapshotter::wait_for_helper() {
  MutexLock lock(mutex_);
  while (helper_jobs_ > 0) idle_.wait(mutex_);
}

Status Snapshotter::check_set_aside(const command::Replacement& file) {
  const std::string path = paths_.set_aside(file.file);
  Result<std::unique_ptr<File>> opened = parts_.files.open(path, FileSystem::Open::kReadOnly);
  if (!opened.ok()) return opened.error();
  Result<std::uint64_t> size = (*opened)->size();
  if (!size.ok()) return size.error();
  if (*size == file.bytes) return {};
  return {Code::kFailed, path + " is not the file that was to replace the database"};
}

// A snapshot in progress is of no use any more.
void Snapshotter::abandon_this() {
  wait_for_helper();
  bool ready = false;
  const Status left = take_helper_result(ready);
  if (phase_ == Phase::kSavingOutcomes && !left.ok()) parts_.outcomes.drop_unsaved();
  close_guard();
  phase_ = Phase::kIdle;
}

Status Snapshotter::replace_database(const Applied& applied,
                                     const command::Replacement& replacement) {
  RETURN_IF_ERROR(check_set_aside(replacement));
  abandon_this();
  SnapshotRecord record;
  RETURN_IF_ERROR(note_state(applied, record));
  record.state.session = {};
  return exchange(std::move(record), replacement);
}

Status Snapshotter::install(const ReceivedSnapshot& received) {
  if (received.file) RETURN_IF_ERROR(check_set_aside(*received.file));
  abandon_this();
  parts_.outcomes.replace(received.record.state, received.kept);
  RETURN_IF_ERROR(parts_.journal.rewrite(parts_.outcomes.take_all()));
  SnapshotRecord record = received.record;
  record.state.journal = parts_.journal.extent();
  if (received.file) return exchange(std::move(record), *received.file);
  RETURN_IF_ERROR(parts_.slot.replace(encode_snapshot_record(record)));
  return taken_over(std::move(record));
}

Status Snapshotter::exchange(SnapshotRecord record, const command::Replacement& file) {
  record.phase = SnapshotRecord::Phase::kReplace;
  record.replacement = file.file;
  RETURN_IF_ERROR(parts_.slot.replace(encode_snapshot_record(record)));

  // From here on there is no way back: a restart finishes it.
  parts_.keep_out(true);
  parts_.writer.close();
  guard_.reset();
  main_file_.reset();
  wal_file_.reset();
  Status status = put_in_place(parts_.files, paths_, file.file);
  if (status.ok()) status = parts_.writer.reopen(record.state.session);
  if (status.ok()) status = open_files();
  record.phase = SnapshotRecord::Phase::kComplete;
  record.replacement = 0;
  if (status.ok()) status = parts_.slot.replace(encode_snapshot_record(record));
  if (!status.ok()) return {Code::kFailed, "replacing the database: " + status.text()};
  parts_.keep_out(false);

  return taken_over(std::move(record));
}

Status Snapshotter::taken_over(SnapshotRecord record) {
  counters_.exchanged++;
  last_ = std::move(record);
  log_bytes_ = copied_bytes_ = 0;
  moved_commits_ = parts_.writer.connection().wal_position().commits;
  parts_.on_taken(last_, /*replaced=*/true);
  RETURN_IF_ERROR(parts_.journal.drop_old());
  return {};
}

void Snapshotter::request(Callback done) {
  {
    MutexLock lock(mutex_);
    asked_.push_back(std::move(done));
  }
  parts_.wake();
}

void Snapshotter::freeze(std::chrono::nanoseconds patience, FreezeCallback done) {
  {
    MutexLock lock(mutex_);
    freezes_asked_.push_back({parts_.clock.now() + patience, std::move(done)});
  }
  parts_.wake();
}

std::uint64_t Snapshotter::wal_bytes_now() const {
  return wal_bytes(parts_.writer.connection().wal_position().frames, page_bytes_);
}

// Whether anything was written since the WAL was moved whole. If not, the WAL may still hold its
// old frames, but the next write overwrites them: nothing can be built on them any more.
bool Snapshotter::wal_has_news() const {
  return parts_.writer.connection().wal_position().commits != moved_commits_;
}

bool Snapshotter::is_wanted(const Applied& applied) const {
  const TimePoint now = parts_.clock.now();
  if (applied.index == last_.index || now < not_before_) return false;
  if (!answering_.empty() || !freezing_.empty()) return true;
  if (log_bytes_ >= options_.urgent_log_bytes) return true;
  const std::uint64_t wal = wal_has_news() ? wal_bytes_now() : 0;
  if (options_.wal_bytes_max > 0 && wal >= options_.urgent_wal_bytes) return true;
  if (now < next_look_) return false;
  return applied.index.value() - last_.index.value() >= options_.entries_max ||
         (options_.wal_bytes_max > 0 && wal >= options_.wal_bytes_max);
}

bool Snapshotter::is_for_wal(const Applied& applied) const {
  return answering_.empty() && freezing_.empty() && log_bytes_ < options_.urgent_log_bytes &&
         applied.index.value() - last_.index.value() < options_.entries_max;
}

Result<sqlite::Connection::Checkpoint> Snapshotter::checkpoint() {
  const TimePoint start = parts_.clock.now();
  Result<sqlite::Connection::Checkpoint> done = parts_.writer.connection().checkpoint_passive();
  counters_.last_checkpoint_ns = (parts_.clock.now() - start).count();
  counters_.checkpoints++;
  if (done.ok()) {
    count(*done);
  } else {
    counters_.failed_checkpoints++;
  }
  return done;
}

void Snapshotter::count(const sqlite::Connection::Checkpoint& done) {
  if (done.copied_frames != done.wal_frames) counters_.partial_checkpoints++;
  // What is copied stays counted until the WAL restarts, with another header.
  if (intent_.wal_header != counted_wal_header_) {
    counted_wal_header_ = intent_.wal_header;
    counted_frames_ = 0;
  }
  const std::uint64_t before = counted_frames_;
  counted_frames_ = std::max(before, static_cast<std::uint64_t>(done.copied_frames));
  counters_.moved_frames += counted_frames_ - before;
}

Status Snapshotter::sync(File& file, Status (File::*how)()) {
  const TimePoint start = parts_.clock.now();
  Status status = (file.*how)();
  syncing_ += parts_.clock.now() - start;
  return status;
}

void Snapshotter::held_for(Nanos time) {
  counters_.longest_hold_ns = std::max(counters_.longest_hold_ns.load(), time.count());
}

Status Snapshotter::poll(const Applied& applied) {
  if (phase_ == Phase::kIdle) {
    take_requests();
    if (applied.index == last_.index && !answering_.empty()) answer({{}, /*nothing_new=*/true});
    hand_out(applied);
    const bool held = hold_->held();
    if (held && !answering_.empty()) {
      answer({{Code::kUnavailable, "snapshot: a backup is being read"}, false});
    }
    const bool wanted = !held && is_wanted(applied);
    if (const TimePoint now = parts_.clock.now(); now >= due_) {
      if (now >= next_look_) next_look_ = later(now, options_.interval);
      due_ = next_look_;
    }
    refuse_late_freezes();
    rounds_ = 0;
    if (!wanted) return {};
    began_ = parts_.clock.now();
    syncing_ = {};
    for_wal_ = is_for_wal(applied);
    return begin(applied);
  }
  bool ready = false;
  if (Status status = take_helper_result(ready); !status.ok()) {
    if (phase_ == Phase::kSavingOutcomes) parts_.outcomes.drop_unsaved();
    return give_up(status);
  }
  if (!ready) return {};
  return phase_ == Phase::kSyncingWal ? copy() : begin(applied);
}

void Snapshotter::take_requests() {
  MutexLock lock(mutex_);
  for (Callback& each : std::exchange(asked_, {})) answering_.push_back(std::move(each));
  for (Freeze& each : std::exchange(freezes_asked_, {})) freezing_.push_back(std::move(each));
}

void Snapshotter::hand_out(const Applied& applied) {
  if (freezing_.empty() || applied.index != last_.index || hold_->held()) return;
  Freeze next = std::move(freezing_.front());
  freezing_.erase(freezing_.begin());
  next.done(std::make_unique<FrozenMain>(hold_, main_file_, last_));
}

void Snapshotter::refuse_late_freezes() {
  const TimePoint now = parts_.clock.now();
  for (auto each = freezing_.begin(); each != freezing_.end();) {
    if (now < each->deadline) {
      due_ = std::min(due_, (each++)->deadline);
      continue;
    }
    const Freeze late = std::move(*each);
    each = freezing_.erase(each);
    late.done(hold_->held() ? Status(Code::kUnavailable, "another backup is being read")
                            : readers_in_the_way());
  }
}

// Most of it goes to the journal while writes go on.
void Snapshotter::save_outcomes() {
  phase_ = Phase::kSavingOutcomes;
  Outcomes& outcomes = parts_.outcomes;
  if (outcomes.unsaved_dropped() || parts_.journal.wants_rewrite(outcomes.record_bytes())) {
    run_on_helper([this, all = outcomes.take_all()] { return parts_.journal.rewrite(all); });
  } else {
    run_on_helper([this, news = outcomes.take_unsaved()] { return parts_.journal.append(news); });
  }
}

Status Snapshotter::save_rest() {
  Outcomes& outcomes = parts_.outcomes;
  const Status status = outcomes.unsaved_dropped() ? parts_.journal.rewrite(outcomes.take_all())
                                                   : parts_.journal.append(outcomes.take_unsaved());
  if (!status.ok()) outcomes.drop_unsaved();
  return status;
}

Status Snapshotter::note_state(const Applied& applied, SnapshotRecord& record) {
  record.index = applied.index;
  record.term = applied.term;
  record.conf_state = applied.conf_state;
  record.state = applied.state;
  parts_.outcomes.note_positions(record.state);
  RETURN_IF_ERROR(save_rest());
  record.state.journal = parts_.journal.extent();
  return {};
}

Status Snapshotter::begin(const Applied& applied) {
  close_guard();
  log_bytes_ = 0;
  // The WAL may have restarted since the last snapshot: then nothing of it is copied.
  if (wal_bytes_now() < copied_bytes_ || rounds_ == 0) copied_bytes_ = 0;
  const bool much_kept = parts_.outcomes.unsaved_bytes() > kHeldOutcomesBytes ||
                         parts_.outcomes.unsaved_dropped() ||
                         parts_.journal.wants_rewrite(parts_.outcomes.record_bytes());
  if (much_kept && rounds_ < kRoundsMax) {
    rounds_++;
    save_outcomes();
    return {};
  }
  const std::uint64_t left = wal_has_news() ? wal_bytes_now() - copied_bytes_ : 0;
  if (left <= options_.held_bytes_max || ++rounds_ > kRoundsMax) return finish(applied);
  RETURN_IF_ERROR(open_guard());
  if (Status status = make_intent(applied); !status.ok()) return give_up(status);
  phase_ = Phase::kSyncingWal;
  run_on_helper([this] {
    RETURN_IF_ERROR(sync(*wal_file_, &File::sync_data_in_pieces));
    return parts_.slot.replace(encode_snapshot_record(intent_));
  });
  return {};
}

Status Snapshotter::make_intent(const Applied& applied) {
  intent_ = {};
  intent_.phase = SnapshotRecord::Phase::kIntent;
  RETURN_IF_ERROR(note_state(applied, intent_));
  intent_.wal_bytes = wal_bytes_now();
  intent_.wal_header.resize(kWalHeaderBytes);
  Result<std::size_t> got =
      wal_file_->read(0, intent_.wal_header.data(), intent_.wal_header.size());
  if (!got.ok()) return got.error();
  return *got == kWalHeaderBytes ? Status() : Status(Code::kFailed, "the WAL has no header");
}

Status Snapshotter::copy() {
  Result<sqlite::Connection::Checkpoint> done = checkpoint();
  held_for(Nanos(counters_.last_checkpoint_ns));  // it was nothing else that writes waited for
  if (!done.ok()) return give_up(done.error());
  const std::uint64_t copied =
      wal_bytes(static_cast<std::uint64_t>(done->copied_frames), page_bytes_);
  CHECK(copied <= intent_.wal_bytes);  // the guard reads at N: nothing behind it is copied
  if (copied < intent_.wal_bytes) return give_up(readers_in_the_way());
  copied_bytes_ = copied;
  phase_ = Phase::kSyncingMain;
  run_on_helper([this] { return sync(*main_file_, &File::sync_data_in_pieces); });
  return {};
}

Status Snapshotter::finish(const Applied& applied) {
  const TimePoint start = parts_.clock.now();
  const Status status = move_all(applied);
  held_for(parts_.clock.now() - start);
  if (!status.ok()) return give_up(status);
  phase_ = Phase::kIdle;
  disk_full_ = false;
  counters_.taken++;
  if (for_wal_) counters_.taken_for_wal++;
  const TimePoint now = parts_.clock.now();
  counters_.last_hold_ns = (now - start).count();
  counters_.last_took_ns = (now - began_).count();
  counters_.last_sync_ns = syncing_.count();
  answer({});
  hand_out(applied);
  return {};
}

Status Snapshotter::move_all(const Applied& applied) {
  if (wal_has_news()) {
    RETURN_IF_ERROR(make_intent(applied));
    RETURN_IF_ERROR(sync(*wal_file_, &File::sync_data));
    RETURN_IF_ERROR(parts_.slot.replace(encode_snapshot_record(intent_)));
    Result<sqlite::Connection::Checkpoint> done = checkpoint();
    if (!done.ok()) return done.error();
    CHECK(wal_bytes(static_cast<std::uint64_t>(done->wal_frames), page_bytes_) ==
          intent_.wal_bytes);
    if (done->copied_frames != done->wal_frames) return readers_in_the_way();
    RETURN_IF_ERROR(sync(*main_file_, &File::sync_data));
    counters_.last_bytes = intent_.wal_bytes;
    moved_commits_ = parts_.writer.connection().wal_position().commits;
  } else {
    // The entries since the last snapshot wrote nothing: the main file is as good for them.
    intent_ = last_;
    counters_.last_bytes = 0;
    RETURN_IF_ERROR(note_state(applied, intent_));
  }
  intent_.phase = SnapshotRecord::Phase::kComplete;
  intent_.wal_bytes = 0;
  intent_.wal_header.clear();
  RETURN_IF_ERROR(parts_.slot.replace(encode_snapshot_record(intent_)));
  last_ = intent_;
  parts_.on_taken(last_, /*replaced=*/false);
  return parts_.journal.drop_old();
}

Status Snapshotter::give_up(const Status& why) {
  const bool full = why.code() == Code::kDiskFull;
  if (!full && why.code() != Code::kUnavailable) return why;
  if (full && !std::exchange(disk_full_, true)) log("snapshot", "waiting for room: {}", why.text());
  counters_.blocked++;
  if (full) counters_.full_disks++;
  if (for_wal_) counters_.blocked_for_wal++;
  close_guard();
  phase_ = Phase::kIdle;
  next_look_ = due_ = not_before_ = parts_.clock.now() + (full ? kRetryWhenFull : kRetryAfter);
  answer({why, false});
  return {};
}

void Snapshotter::answer(const Outcome& outcome) {
  for (const Callback& each : std::exchange(answering_, {})) each(outcome);
}

void Snapshotter::run_on_helper(std::function<Status()> work) {
  {
    MutexLock lock(mutex_);
    helper_jobs_++;
  }
  parts_.helper.post([this, work = std::move(work)] {
    Status status = work();
    {
      MutexLock lock(mutex_);
      helper_result_ = std::move(status);
    }
    parts_.wake();
    // Last: once it is seen, *this may be gone.
    MutexLock lock(mutex_);
    if (--helper_jobs_ == 0) idle_.notify_all();
  });
}

Status Snapshotter::take_helper_result(bool& ready) {
  MutexLock lock(mutex_);
  ready = helper_result_.has_value();
  return ready ? *std::exchange(helper_result_, std::nullopt) : Status();
}

Status Snapshotter::open_guard() {
  CHECK(!guarding_);
  guarding_ = true;
  // A transaction sees the database from its first read on.
  return sqlite::status_of(guard_->execute("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1"),
                           "snapshot");
}

void Snapshotter::close_guard() {
  if (!std::exchange(guarding_, false)) return;
  // Ending a read cannot fail in a way that keeps it open.
  (void)guard_->execute("ROLLBACK");
}

}  // namespace rqlite::store
