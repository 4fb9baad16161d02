#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "base/slot_file.h"
#include "base/worker.h"
#include "raft/transport.h"
#include "store/applied_index.h"
#include "store/apply_thread.h"
#include "store/cluster_view.h"
#include "store/consensus.h"
#include "store/database_files.h"
#include "store/directory_lock.h"
#include "store/machine.h"
#include "store/maintenance.h"
#include "store/maintenance_work.h"
#include "store/membership.h"
#include "store/membership_change.h"
#include "store/outcome_journal.h"
#include "store/outcomes.h"
#include "store/peers_recovery.h"
#include "store/query.h"
#include "store/reader_pool.h"
#include "store/reads.h"
#include "store/received_snapshot.h"
#include "store/replacer.h"
#include "store/request_reads.h"
#include "store/set_aside.h"
#include "store/snapshotter.h"
#include "store/write.h"
#include "store/writer.h"

namespace rqlite::store {

// The replicated database of one node: writes go through consensus into the log and then into
// SQLite, reads see as much as they ask for.
//
// Threads: all methods from any thread, but close(). Callbacks come on the store's threads and
// must not block. Failure: a storage error ends the store; Options::on_failure is told, once.
class Store final : public StreamTarget,
                    private ApplyThread::Listener,
                    private Reads::Log,
                    private Replacer::Log {
 public:
  struct Options {
    std::string directory;  // absolute; made if it does not exist
    std::string node_id;
    std::string raft_address;            // as other members reach this node
    sqlite::Extensions extensions = {};  // which every connection loads that a client's SQL runs on
    bool foreign_keys = false;
    std::size_t read_connections_max = 256;
    Snapshotter::Options snapshots;
    Maintenance::Options maintenance;
    Consensus::Options consensus;  // but what the store itself fills in
    // What whoever runs the node asked for, which status shows; 0: whatever is usual.
    struct Asked {
      std::chrono::nanoseconds heartbeat_timeout{0};
      std::chrono::nanoseconds election_timeout{0};
      std::chrono::nanoseconds commit_timeout{0};
      std::chrono::nanoseconds snapshot_interval{0};
      std::uint64_t snapshot_threshold = 0;
    };
    Asked asked;
    // Who is to take part from here on, whatever the log says; none: as the log says.
    struct Recovery {
      std::vector<RecoveredPeer> peers;
      std::string file;  // as in PeersRecovery::Options
      std::string done_file;
    };
    std::optional<Recovery> recovery;
    // An empty directory becomes a cluster of its own; or it waits for found(), or for a member
    // that adds this node to its cluster.
    bool founds = true;
    bool shuts_down_on_removal = false;    // of a leader, see leaves_as_leader()
    raft::Transport* transport = nullptr;  // to other members; null: there are none
    const char* base_vfs = nullptr;        // of SQLite; null is the system's
    std::function<void(const Status&)> on_failure;
    // Called with the cluster's id and who takes part, by open() and whenever either changes, on
    // the apply thread; and on the Raft thread with each change of role, term or leader.
    std::function<void(const std::string&, const Membership&)> on_members;
    std::function<void(const raft::Core::Status&)> on_status;
  };

  // Opens the data directory, or founds a cluster of one in an empty one, and replays the log in
  // the background. The error says why the node cannot start. `files` and `clock` must outlive
  // the store. `lock` is that of the directory, for a caller who has taken it already.
  static Result<std::unique_ptr<Store>> open(Options options, FileSystem& files, const Clock& clock,
                                             std::optional<DirectoryLock> lock = std::nullopt);
  ~Store() override;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Puts encoded requests (command/request.h) into the log as one entry and applies it. No
  // requests change nothing, but have their place in the order.
  void write(Bytes batch, std::unique_ptr<Write> write);

  // The same for one request whose statements may run for so long, together; what was too slow
  // fails. `timeout` is more than zero.
  void write_within(std::chrono::nanoseconds timeout, Bytes batch, std::unique_ptr<Write> write);

  // The same for one request that another member may have forwarded, and may send again: however
  // often it comes with an origin of that member and that number, to this leader or another, it is
  // applied once, and a repetition is answered with what the first one did. Failure: kInvalid if
  // the batch is not one request; kUnknown if it comes so late that nothing is kept of it. What a
  // repetition fails with is said of that copy alone; an earlier one may be applied all the same.
  void write(Bytes batch, const command::Origin& origin, std::unique_ptr<Write> write);
  void write_within(std::chrono::nanoseconds timeout, Bytes batch, const command::Origin& origin,
                    std::unique_ptr<Write> write);

  // The same for a batch of any member's write queue, at its place in that one's stream.
  void write(Bytes batch, const command::StreamPlace& place, std::unique_ptr<Write> write);
  // The write queue's way in.
  void write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
             std::unique_ptr<Write> write) override;
  void confirm(raft::Index index, std::unique_ptr<Write> write) override;
  void listen(StreamListener* listener) override {
    if (machine_) machine_->listen(listener);  // a closed store has nothing to tell
  }

  // Makes the database the file at `path`, which is on this data directory's file system, and takes
  // the file over: it is gone from there, whatever comes of it. Blocks while the file is checked,
  // brought to the disk, and sent through the log if there are other members. Failure: kInvalid if
  // it is no sound database, with the text for whoever sent it; kUnavailable if another one is on
  // its way through the log.
  void replace_database(const std::string& path, std::unique_ptr<Write> write);

  // Tells `then`, on this thread or another of the store's, whether the statements of a request
  // only read; it does not if one does not compile.
  void find_out_if_reads(BytesView batch, std::function<void(bool reads)> then) {
    store::find_out_if_reads(*readers_, batch, std::move(then));
  }

  // What became of the queued request with `number` of the queue of `node_id`.
  [[nodiscard]] StreamTable::Verdict verdict(const std::string& node_id, std::uint64_t number) {
    return outcomes_.verdict(node_id, number);
  }

  // Reads; a short read of level none or weak on the calling thread.
  void query(Query query, std::unique_ptr<QuerySink> sink) {
    reads_->query(std::move(query), std::move(sink));
  }

  // Snapshots all that is applied; `done` comes on the apply thread, or at once with the reason why
  // nothing is applied at present. With other members, so many entries before it stay in the log;
  // nullopt: as many as ever.
  void snapshot(std::optional<std::uint64_t> trailing, Snapshotter::Callback done) EXCLUDES(mutex_);

  // Gives the main file with all that is applied, as FrozenMain describes; `done` comes on the
  // apply thread, or at once with the reason why nothing is applied at present.
  void freeze(std::chrono::nanoseconds patience, Snapshotter::FreezeCallback done);
  // Runs work that may take long on a reader's thread, with its connection.
  void on_reader(ReaderPool::Job job) { readers_->submit(std::move(job)); }
  // Runs a short look on the apply thread between two batches, with its connection.
  using WriterJob = std::function<void(Result<Writer*>)>;
  void on_writer(WriterJob job);
  // A reader for a short look on the calling thread, if one is free now.
  std::optional<ReaderPool::Reader> try_reader() { return readers_->try_take(); }
  // A path in the data directory that no file has, for one that a restart removes.
  [[nodiscard]] std::string scratch_path() {
    return paths_.scratch() + "/" + std::to_string(++scratch_files_);
  }
  [[nodiscard]] FileSystem& files() { return files_; }

  // Makes a store that waits a founding member of a cluster. All founders are given the same; the
  // one that begins stands for election at once. Precondition: this node is one of them.
  void found(const std::string& cluster_id, const std::map<raft::RaftId, Member>& members,
             bool begins);
  // It is the member that it was to become, and up to date. A store that waited is not ready
  // before; of one that may vote it knows by itself.
  void joined() { view_.joined(); }
  [[nodiscard]] bool is_joining() const { return view_.is_joining(); }
  // Whether it waits to become a member of a cluster.
  [[nodiscard]] bool waits() { return view_.cluster_id().empty(); }

  // As the leader, changes who takes part; one change at a time. `done` is told, on a thread of the
  // store's, what became of it: ok once it is applied here. kUnknown: it may still come about.
  using Done = std::function<void(const Status&)>;
  void change_members(raft::ChangeKind kind, const MembershipChange& change, Done done);
  [[nodiscard]] Membership membership() { return view_.membership(); }
  // Who leads, as far as this node knows, with its place in the membership.
  using Leader = store::Leader;
  [[nodiscard]] std::optional<Leader> leader() { return view_.leader(); }

  // This leader is to be removed, and hands over for that. With Options::shuts_down_on_removal its
  // Raft counts as stopped from when it is removed on.
  void leaves_as_leader() { leaves_as_leader_ = true; }

  // Whether this node leads, as far as it knows; quick.
  [[nodiscard]] bool is_leader() const { return view_.is_leader(); }

  // For whoever carries messages between members.
  [[nodiscard]] Consensus& consensus() EXCLUDES(mutex_);
  // A message came from another member.
  void deliver(raft::RaftId from, Bytes message);
  // A snapshot came, with the message that announced it. `done`, on the Raft thread, hears whether
  // this node begins from there now; if not, the file is gone. One at a time.
  void install(ReceivedSnapshot received, BytesView message, std::function<void(bool)> done);
  // Where the file of a snapshot that is being received goes, under a number that no other has.
  [[nodiscard]] std::string new_aside(command::Replacement& file) {
    return set_aside_.reserve(file);
  }
  void discard_aside(const command::Replacement& file) { set_aside_.settled(file.file); }

  // Why this node cannot take writes now: ok, kNotLeader, kNoLeader, kUnavailable or kDiskFull.
  [[nodiscard]] Status may_write();
  [[nodiscard]] bool has_leader() { return view_.has_leader(); }
  // Whether a leader is known and, if it is this node, everything acknowledged is applied.
  [[nodiscard]] bool is_ready() { return view_.is_ready(applied_.value()); }
  // Everything up to there is applied here.
  [[nodiscard]] raft::Index applied_index() { return applied_.value(); }
  // Calls `then` when everything up to `index` is applied here; kDeadline, if that takes too long.
  void when_applied(raft::Index index, std::chrono::nanoseconds timeout,
                    std::function<void(const Status&)> then) {
    applied_.when(index, later(clock_.now(), timeout), std::move(then));
  }

  struct Report {
    raft::Core::Status raft;
    bool stuck;    // this node leads, and no majority stores what it sends
    bool stalled;  // entries cannot be stored or applied for now, as when the disk is full
    raft::Index applied;
    raft::Term applied_term;  // of that entry, or of one shortly before
    // The last entry applied that carried a command, and that could change the database; or the
    // index of a snapshot behind those.
    raft::Index last_command;
    raft::Index last_write;
    raft::Index snapshot_index;
    raft::Term snapshot_term;
    WallTime applied_at;   // when that was
    WallTime appended_at;  // when its leader put it into the log; WallTime(): it carried no time
    WallTime snapshot_at;  // when it was taken
    bool resumed;          // this start found a database that it went on with
    std::chrono::nanoseconds opening_took;     // of the connection that writes, at the start
    std::chrono::nanoseconds last_apply_took;  // of what was committed together
    std::uint64_t proposed;                    // commands that this node handed to consensus
    std::uint64_t proposed_bytes;              // of these
    Reads::Report reads;
    std::uint64_t snapshots_taken;
    std::uint64_t snapshots_blocked;
    std::chrono::nanoseconds longest_snapshot_hold;
    const Snapshotter::Counters* snapshots;  // lives as long as the store
    DatabaseCounts wrote;                    // `reads` has what only read
    ReaderPool::Counts readers;
    // Of the connection that writes: the values of PRAGMAs, by their sorted names.
    std::vector<std::pair<std::string, std::string>> writer_settings;
    Maintenance::Report maintenance;
    ClusterView::Report cluster;
    bool shut_down = false;  // it was removed as the leader, and was to stop then
  };
  [[nodiscard]] Report report() EXCLUDES(mutex_);
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const DatabaseFiles& paths() const { return paths_; }
  [[nodiscard]] raft::RaftId raft_id() const { return raft_id_; }
  // Empty while it waits for a cluster.
  [[nodiscard]] std::string cluster_id() { return view_.cluster_id(); }

  // Refuses what comes, lets what was accepted finish, takes a last snapshot if there is
  // something to take, and stops. At most `patience` is spent on the snapshot.
  void close(std::chrono::nanoseconds patience);

 private:
  // A store without other members has nobody to send to.
  class NoTransport final : public raft::Transport {
   public:
    void send(raft::RaftId, bool, BytesView) override {}
  };

  Store(Options options, FileSystem& files, const Clock& clock);

  Status start();
  // Names the snapshot record, if that was damaged, as the cause of what is wrong.
  [[nodiscard]] Status blame_snapshot_slot(const Status& why) const;
  Status clear_scratch();
  // In an empty directory: founds a cluster with this node as its only member.
  Status found_if_new();
  // The snapshot that the store begins with.
  Result<SnapshotRecord> recover();
  Status start_consensus(const SnapshotRecord& record) EXCLUDES(mutex_);
  [[nodiscard]] SnapshotRecord founding_record(const std::string& cluster_id,
                                               std::map<raft::RaftId, Member> members) const;
  // Makes the core begin with that content, by way of the message that `make` makes of its term.
  void begin_with(ReceivedSnapshot received, Consensus::MakeMessage make,
                  std::function<void(bool)> done);
  void on_members(const Snapshotter::Applied& applied) EXCLUDES(mutex_);
  // Writes to the log who leads now, and that this node was removed.
  void tell_news();
  void on_snapshot(const SnapshotRecord& record, bool replaced) EXCLUDES(mutex_);
  // When the last snapshot was taken, as its record's file says.
  [[nodiscard]] WallTime snapshot_written_at() const;
  [[nodiscard]] command::Header make_header() EXCLUDES(mutex_);
  // After the trial that it takes to know what of it is too slow.
  void try_and_propose(std::chrono::nanoseconds timeout, Bytes batch,
                       const std::optional<command::Origin>& origin, std::unique_ptr<Write> write);
  // Hands a command to consensus.
  void propose(Bytes command, std::unique_ptr<Write> write);
  void propose(Bytes batch, const command::Header& header,
               const std::optional<command::StreamPlace>& place, std::unique_ptr<Write> write);
  void on_applied(raft::Index index) override;
  void on_status(const raft::Core::Status& status) override EXCLUDES(mutex_);
  void on_look() override;
  void on_snapshot_wanted() override;
  void on_failure(const Status& why) override;

  void confirm(std::vector<std::unique_ptr<raft::Read>> reads) override;
  void put_barrier(std::unique_ptr<Write> write) override;
  void put(const command::Piece& piece, std::unique_ptr<Write> write) override;
  void put(const command::Replacement& replacement, std::unique_ptr<Write> write) override;
  bool lags_by_more_than(std::chrono::nanoseconds age) override;
  raft::Term applied_term() override;
  void on_handover(raft::RaftId to) EXCLUDES(mutex_);

  // Constant after construction.
  const Options options_;
  FileSystem& files_;
  const Clock& clock_;
  const DatabaseFiles paths_;
  raft::RaftId raft_id_;
  SetAside set_aside_;
  ClusterView view_;
  Replacer replacer_;

  // In the order in which they use each other.
  std::optional<DirectoryLock> lock_;
  std::optional<SlotFile> snapshot_slot_;
  Worker helper_{"store-helper"};
  NoTransport no_transport_;
  AppliedIndex applied_;
  Outcomes outcomes_;
  std::unique_ptr<OutcomeJournal> journal_;
  std::unique_ptr<Writer> writer_;
  std::vector<std::pair<std::string, std::string>> writer_settings_;  // as it was opened
  std::unique_ptr<Snapshotter> snapshotter_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<ApplyThread> apply_thread_;
  std::atomic<bool> leaves_as_leader_{false};
  std::unique_ptr<Consensus> consensus_;
  std::unique_ptr<ReaderPool> readers_;
  std::unique_ptr<Reads> reads_;
  MaintenanceWork maintenance_work_{*this};
  std::unique_ptr<Maintenance> maintenance_;

  // What the log held when this store began may need files that are set aside.
  std::atomic<std::uint64_t> log_end_at_start_{UINT64_MAX};
  bool log_was_applied_ = false;  // the apply thread's

  std::atomic<bool> failed_{false};
  std::atomic<WallTime> applied_at_{};
  std::atomic<std::uint64_t> applied_term_{0};
  std::atomic<WallTime> appended_at_{};
  bool resumed_ = false;                      // constant once it is open
  std::chrono::nanoseconds opening_took_{0};  // likewise
  std::atomic<std::uint64_t> proposed_{0};
  std::atomic<std::uint64_t> proposed_bytes_{0};
  std::atomic<bool> writer_foreign_keys_{false};
  std::atomic<std::uint64_t> scratch_files_{0};

  Mutex mutex_;
  Random seeds_ GUARDED_BY(mutex_){0};
  SnapshotRecord last_snapshot_ GUARDED_BY(mutex_);
  std::optional<std::uint64_t> trailing_ GUARDED_BY(mutex_);  // of the one that was asked for
  WallTime last_snapshot_at_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::store
