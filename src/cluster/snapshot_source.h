#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/worker.h"
#include "cluster/peer_protocol.h"
#include "store/store.h"

namespace rqlite::cluster {

// Snapshots on their way to other members, which fetch them part by part: this keeps the main file
// as it is meanwhile, and tells the core what became of each.
//
// Pace: all members together get no more than a bound in a second, so that consensus has the disk
// and the network too. A member that asks for nothing for a while has given up. Threads: any;
// callbacks come on a thread of its own or of the store's.
class SnapshotSource {
 public:
  struct Options {
    std::uint64_t bytes_per_second = 128 << 20;
    std::chrono::nanoseconds silence_max{std::chrono::seconds(10)};
    // For readers that are in the way of the snapshot.
    std::chrono::nanoseconds patience{std::chrono::seconds(10)};
    bool packs = false;  // members are asked to have it so
  };

  // What it takes of this node's store.
  class Content {
   public:
    virtual ~Content() = default;
    // As Store::freeze().
    virtual void freeze(std::chrono::nanoseconds patience,
                        store::Snapshotter::FreezeCallback done) = 0;
    // What a snapshot keeps of requests, for as long as that lives.
    virtual Result<std::unique_ptr<File>> open_journal(
        const store::OutcomeJournal::Extent& extent) = 0;
    // `to` is about to have all up to `index`: what comes after it is kept until it has that, too.
    virtual void keep_log_after(raft::RaftId to, raft::Index index) = 0;
    virtual void report_snapshot(raft::RaftId to, bool arrived) = 0;
    // Who that is, for people: "node 2 at host:port".
    virtual std::string name_of(raft::RaftId id) = 0;
  };

  // Both must outlive it.
  SnapshotSource(Content& content, const Clock& clock, Options options)
      : content_(content), clock_(clock), options_(options) {}
  ~SnapshotSource() { close(); }

  // The core has sent `to` the message that announces a snapshot, or could not.
  void announced(raft::RaftId to, bool sent) EXCLUDES(mutex_);
  // The snapshot for `to` as it is now, which may be newer than what was announced.
  using OnOffer = std::function<void(Result<SnapshotOffer>)>;
  void offer(raft::RaftId to, OnOffer then) EXCLUDES(mutex_);
  // kPartBytes of a file from `offset` on, fewer at its end, as they are sent: encode_part().
  using OnPart = std::function<void(Result<Bytes>)>;
  void part(std::uint64_t id, SnapshotFile file, std::uint64_t offset, bool packed, OnPart then)
      EXCLUDES(mutex_);
  // The member has what was offered under that id, or gave it up, and may say why; 0: it never saw
  // an offer. What is said of an offer that another one has taken the place of does not count.
  void done(raft::RaftId to, std::uint64_t id, bool arrived, const std::string& why = "")
      EXCLUDES(mutex_);
  // Gives up on members that are silent. To be called now and then.
  void expire() EXCLUDES(mutex_);
  void close() EXCLUDES(mutex_);

  struct Report {
    std::size_t running = 0;
    std::uint64_t arrived = 0;
    std::uint64_t failed = 0;
    std::uint64_t bytes = 0;  // sent
  };
  [[nodiscard]] Report report() EXCLUDES(mutex_);

 private:
  struct Transfer {
    std::uint64_t id = 0;
    TimePoint used;
    bool waits = false;                          // for this node, which prepares the offer
    std::shared_ptr<store::FrozenMain> content;  // null until it is offered
  };
  void frozen(raft::RaftId to, std::shared_ptr<store::FrozenMain> main, const OnOffer& then)
      EXCLUDES(mutex_);
  void refuse(raft::RaftId to, const Status& why, const OnOffer& then) EXCLUDES(mutex_);
  // Forgets what was on its way to `to`, if it is what `counts` says, and tells the core.
  void end(raft::RaftId to, bool arrived, const std::string& why,
           const std::function<bool(const Transfer&)>& counts) EXCLUDES(mutex_);
  // Whether the last one did not arrive, of which the log has a line: until one does, what becomes
  // of the next ones is the same again, and may be so each second.
  [[nodiscard]] bool is_failing(raft::RaftId to) REQUIRES(mutex_);
  Result<Bytes> read(store::FrozenMain& content, SnapshotFile file, std::uint64_t offset);
  // Waits until so many bytes more are due, of which `sent` go.
  void keep_pace(std::size_t bytes, std::size_t sent) EXCLUDES(mutex_);

  Content& content_;
  const Clock& clock_;
  const Options options_;

  Mutex mutex_;
  CondVar closing_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::map<raft::RaftId, Transfer> transfers_ GUARDED_BY(mutex_);
  std::map<raft::RaftId, TimePoint> said_to_fail_ GUARDED_BY(mutex_);
  TimePoint next_part_ GUARDED_BY(mutex_);
  Report counts_ GUARDED_BY(mutex_);

  Worker reader_{"snapshot-source"};
};

}  // namespace rqlite::cluster
