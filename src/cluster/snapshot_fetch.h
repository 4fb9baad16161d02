#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "base/pause.h"
#include "base/result.h"
#include "base/worker.h"
#include "cluster/peer_protocol.h"
#include "command/command.h"
#include "net/client.h"
#include "store/received_snapshot.h"

namespace rqlite::cluster {

// Fetches the snapshot that another member announced: the parts of its files, each checked, and
// asked for again if the connection breaks; then the store begins from there.
//
// One at a time, and the one that was announced last: one that is under way then ends at once, as
// it does when this is closed. The sender hears what became of it, unless it has announced another
// one meanwhile: if it took the end of the first for the end of that one, it would announce a
// third. Threads: any; a thread of its own waits for the parts.
class SnapshotFetch {
 public:
  // Where another member is, and the cluster it says both are in.
  struct Contact {
    raft::RaftId id;
    std::string address;
    std::string cluster_id;
  };

  // What it takes of this node's store.
  class Destination {
   public:
    virtual ~Destination() = default;
    [[nodiscard]] virtual raft::RaftId raft_id() = 0;
    [[nodiscard]] virtual FileSystem& files() = 0;
    // As the methods of Store with these names.
    virtual std::string new_aside(command::Replacement& file) = 0;
    virtual void discard_aside(const command::Replacement& file) = 0;
    virtual void install(store::ReceivedSnapshot received, BytesView message,
                         std::function<void(bool)> done) = 0;
  };
  struct Options {
    bool packs = false;  // it comes packed, also if its sender would not have it so
    // Its sender gives this node up when nothing is asked of it for as long: until then what does
    // not come is asked for again, so often.
    Nanos patience{std::chrono::seconds(10)};
    Nanos try_again{std::chrono::milliseconds(200)};
    // After a failure, before the sender hears of it and announces the next one at once.
    Nanos pause_after_failure{std::chrono::seconds(1)};
  };

  // All must outlive it.
  SnapshotFetch(Destination& to, net::Client& client, const Clock& clock, Options options)
      : to_(to), client_(client), clock_(clock), options_(options), pause_(clock) {}
  ~SnapshotFetch() { close(); }

  // `message` announced it.
  void begin(Contact from, Bytes message);
  // Gives up what is under way.
  void close();

  struct Report {
    bool running = false;
    std::uint64_t arrived = 0;
    std::uint64_t failed = 0;
    std::uint64_t bytes = 0;  // received
  };
  [[nodiscard]] Report report() const { return {running_, arrived_, failed_, bytes_}; }

 private:
  struct Errand {
    std::uint64_t number = 0;  // counts what was announced
    Contact from;
    Bytes message;
    SnapshotOffer offer = {};  // once it is there
  };
  void run(Errand errand) EXCLUDES(mutex_);
  Status fetch(Errand& errand) EXCLUDES(mutex_);
  // Writes a failure to the log, unless it has been said: the sender announces it again and again.
  void say(const Errand& errand, const Status& status);
  Status fetch_offer(Errand& errand) EXCLUDES(mutex_);
  Status fetch_main(const Errand& errand, const std::string& path) EXCLUDES(mutex_);
  Result<Bytes> fetch_outcomes(const Errand& errand) EXCLUDES(mutex_);
  // The part at `offset`, however often it takes to ask.
  Result<Bytes> fetch_part(const Errand& errand, SnapshotFile file, std::uint64_t offset)
      EXCLUDES(mutex_);
  // Blocks for an answer, whatever its status.
  Result<net::ClientResponse> ask(const Errand& errand, const std::string& target, Nanos timeout)
      EXCLUDES(mutex_);
  void tell_sender(const Errand& errand, const Status& status) EXCLUDES(mutex_);
  [[nodiscard]] net::Call call_to(const Contact& contact, const std::string& target);
  // Sleeps. False: another one was announced, or this is closed.
  [[nodiscard]] bool rest(const Errand& errand, Nanos time) EXCLUDES(mutex_);
  [[nodiscard]] bool is_current(const Errand& errand) EXCLUDES(mutex_);
  // Why one that is not current ends.
  Status given_up() EXCLUDES(mutex_);

  Destination& to_;
  net::Client& client_;
  const Clock& clock_;
  const Options options_;

  // The failure that was said last; none: one has arrived since. Its thread's.
  struct Said {
    Status failure;
    TimePoint at;
  };
  std::optional<Said> said_;

  Pause pause_;  // its lock may be held when mutex_ is taken, not the other way round
  Mutex mutex_;
  std::uint64_t newest_ GUARDED_BY(mutex_) = 0;  // of those that were announced
  raft::RaftId newest_from_ GUARDED_BY(mutex_);  // who announced it
  bool closed_ GUARDED_BY(mutex_) = false;
  net::CallHandle asking_ GUARDED_BY(mutex_);  // what the thread waits for
  std::atomic<bool> running_{false};
  std::atomic<std::uint64_t> arrived_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> bytes_{0};

  Worker worker_{"snapshot-fetch"};
};

}  // namespace rqlite::cluster
