#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/slot_file.h"
#include "command/command.h"
#include "fakes/fake_clock.h"
#include "fakes/sim_file_system.h"
#include "fakes/sim_vfs.h"
#include "store/applied_index.h"
#include "store/database_files.h"
#include "store/machine.h"
#include "store/set_aside.h"
#include "store/snapshotter.h"
#include "store/writer.h"

namespace rqlite::store {

// Does what it is given only when it is told to: writes go on in between.
class SlowExecutor final : public Executor {
 public:
  explicit SlowExecutor(bool slow) : slow_(slow) {}
  void post(std::function<void()> work) override {
    if (!slow_) return work();
    waiting_.push_back(std::move(work));
  }
  void run_one() {
    if (waiting_.empty()) return;
    std::function<void()> work = std::move(waiting_.front());
    waiting_.pop_front();
    work();
  }
  [[nodiscard]] bool idle() const { return waiting_.empty(); }

 private:
  const bool slow_;
  std::deque<std::function<void()>> waiting_;
};

// One entry of the log, as a test writes it: a request for each list of SQL texts.
struct TestRequest {
  std::vector<std::string> sql;
  bool transaction = false;
  std::string key = {};
  bool unified = false;
  std::uint64_t runs_max = UINT64_MAX;  // of its statements
  // Of an entry's only request: who forwarded it. Without one, the entry is a write queue's.
  std::optional<command::Origin> origin = {};
};
using TestEntry = std::vector<TestRequest>;
// The same write, forwarded.
TestEntry forwarded(TestEntry entry, const command::Origin& origin);
// The entry with which a member comes or goes. At first there is only member 1.
TestEntry member_comes(std::uint64_t id);
TestEntry member_goes(std::uint64_t id);
// The entry that replaces the database by the one that MachineOnDisk::put_aside() made from `sql`.
TestEntry replacement_by(const std::string& sql);
// Piece `number` of `count` of that database, which comes through the log as file `file`; and the
// entry that puts it in place.
TestEntry piece_of(const std::string& sql, std::uint64_t file, int number, int count);
TestEntry replacement_by_pieces(const std::string& sql, std::uint64_t file);
// No more pieces of it will come.
TestEntry give_up(std::uint64_t file);
// The first entry of a leader, in the term after the last one.
TestEntry new_term();

// How many random histories a test plays.
std::uint64_t seeds();

// For comparisons, and for people.
std::string text_of(const command::RequestResult& result);
std::string text_of(const std::vector<command::RequestResult>& results);
std::string sql_of(const TestEntry& entry);

// The entry's command, with a time and a seed that follow from its index. Unless it was forwarded,
// it comes from a write queue, with a stream of its own that begins at first_number().
Bytes command_of(const TestEntry& entry, std::uint64_t index);
constexpr std::uint64_t first_number(std::uint64_t index) { return 1000 * index; }

// The replicated database of one node on a simulated disk, without threads and without consensus:
// the test is the log.
class MachineOnDisk {
 public:
  struct Options {
    bool foreign_keys = false;
    Snapshotter::Options snapshots;
    std::size_t group_max = GroupApply::kGroupMax;
    bool helper_is_slow = false;  // it does one thing after each entry, or as snapshot() waits
  };
  MachineOnDisk(SimFileSystem& files, Options options)
      : files_(files), vfs_(files), options_(options), helper_(options.helper_is_slow) {}
  ~MachineOnDisk() { close(); }

  // What a start does, but for the log.
  Status open();
  void close();

  // Applies the entry that follows, and does what is due for snapshots.
  Status apply(const TestEntry& entry);
  Status apply_batch(const std::vector<TestEntry>& entries);
  // Has the file for the next entry on the disk, if that is a replacement_by().
  Status put_aside(const TestEntry& entry);
  // What another member would send of this one's last snapshot, and what it makes of that one: the
  // file is set aside first.
  struct Sent {
    SnapshotRecord record;
    Bytes file;
    std::vector<OutcomeRecord> kept;
  };
  Sent send();
  Status install(const Sent& sent);
  // Asks for a snapshot and lets it come to its end.
  Status snapshot();
  // Asks for a snapshot that goes on while entries are applied.
  Status begin_snapshot();
  // The main file with all that was applied; null if it is not to be had.
  std::unique_ptr<FrozenMain> freeze();
  Status poll();
  // Lets a slow helper do one thing.
  void run_helper() { helper_.run_one(); }
  // After apply() met trouble that has passed.
  Status resume() { return machine_->resume(); }

  // Entries of the test that are applied, and that the last snapshot holds. (The log's first
  // index is the founding of the cluster.)
  [[nodiscard]] std::uint64_t index() const { return machine_->now().index.value() - 1; }
  [[nodiscard]] std::uint64_t snapshot_index() const {
    return snapshotter_->last().index.value() - 1;
  }
  [[nodiscard]] Snapshotter& snapshotter() { return *snapshotter_; }
  [[nodiscard]] Writer& writer() { return *writer_; }
  [[nodiscard]] FakeClock& clock() { return clock_; }
  [[nodiscard]] const char* vfs_name() const { return vfs_.name(); }
  [[nodiscard]] const DatabaseFiles& paths() const { return paths_; }

  // All of the database's content as text, or what is wrong with the file.
  std::string dump();
  // What is kept of requests, and of a file that comes.
  std::string kept();
  [[nodiscard]] Outcomes& outcomes() { return *outcomes_; }
  [[nodiscard]] Machine& machine() { return *machine_; }
  [[nodiscard]] SetAside& set_aside() { return *set_aside_; }
  // The results of the last batch, for each of its entries. A write that failed has one request's,
  // with the error "failed: ".
  std::vector<std::vector<command::RequestResult>> results;

 private:
  SimFileSystem& files_;
  SimVfs vfs_;
  const Options options_;
  const DatabaseFiles paths_{"/data"};
  FakeClock clock_;
  SlowExecutor helper_;
  Status put_aside_file(BytesView content);

  std::optional<SlotFile> slot_;
  std::unique_ptr<Outcomes> outcomes_;
  std::unique_ptr<OutcomeJournal> journal_;
  std::unique_ptr<AppliedIndex> applied_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Snapshotter> snapshotter_;
  const sqlite::Extensions no_extensions_;
  std::unique_ptr<SetAside> set_aside_;
  std::unique_ptr<Machine> machine_;
  bool woken_ = false;
};

// The content of the database at `path` as text, or what is wrong with it.
std::string dump_database(const std::string& path, const char* vfs);

}  // namespace rqlite::store
