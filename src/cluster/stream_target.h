#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "net/client.h"
#include "store/store.h"

namespace rqlite::cluster {

// Where the batches of this node's write queue go: into the log if this node leads, else to the
// node that does. The stream's identity goes with them, so that one whose fate is unknown may be
// sent again, to whomever leads then. Nobody waits for the answer of a node that leads no more.
//
// Threads: any.
class StreamTarget final : public store::StreamTarget {
 public:
  // What it takes of this node's store.
  class Log : public store::StreamTarget {
   public:
    [[nodiscard]] virtual std::optional<store::Store::Leader> leader() = 0;
    [[nodiscard]] virtual std::string cluster_id() = 0;
    [[nodiscard]] virtual raft::RaftId raft_id() = 0;
  };

  // Both must outlive it, and the client be closed before it goes.
  StreamTarget(Log& log, net::Client& client) : log_(log), client_(client) {}

  void write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
             std::unique_ptr<store::Write> write) override EXCLUDES(mutex_);
  void confirm(raft::Index index, std::unique_ptr<store::Write> write) override EXCLUDES(mutex_);
  // Another one may lead, or none.
  void leader_changed() EXCLUDES(mutex_);
  // A batch is applied here, too, wherever it went into the log.
  void listen(store::StreamListener* listener) override { log_.listen(listener); }

 private:
  // Has the leader, another node, answer.
  void ask(raft::RaftId leader, net::Call call, std::unique_ptr<store::Write> write)
      EXCLUDES(mutex_);

  // What another node was asked.
  struct Sent {
    raft::RaftId to;
    net::CallHandle call;
  };

  Log& log_;
  net::Client& client_;

  Mutex mutex_;
  std::uint64_t next_id_ GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, Sent> sent_ GUARDED_BY(mutex_);  // by id; those without an answer
};

}  // namespace rqlite::cluster
