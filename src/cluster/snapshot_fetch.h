#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/worker.h"
#include "cluster/peer_protocol.h"
#include "net/client.h"
#include "store/store.h"

namespace rqlite::cluster {

// Fetches the snapshot that another member announced: the parts of its files, each checked, and
// asked for again if the connection breaks; then the store begins from there.
//
// One at a time, and the one that was announced last. Threads: any; a thread of its own waits for
// the parts.
class SnapshotFetch {
 public:
  // Where another member is, and the cluster it says both are in.
  struct Contact {
    raft::RaftId id;
    std::string address;
    std::string cluster_id;
  };

  // `packs`: it comes packed, also if its sender would not have it so.
  SnapshotFetch(store::Store& store, net::Client& client, bool packs)
      : store_(store), client_(client), packs_(packs) {}
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
  void run(std::uint64_t number, const Contact& from, const Bytes& message);
  Status fetch(std::uint64_t number, const Contact& from, const Bytes& message);
  Status fetch_main(std::uint64_t number, const Contact& from, const SnapshotOffer& offer,
                    const std::string& path);
  Result<Bytes> fetch_outcomes(std::uint64_t number, const Contact& from,
                               const SnapshotOffer& offer);
  // The part at `offset`, however often it takes to ask.
  Result<Bytes> fetch_part(std::uint64_t number, const Contact& from, const SnapshotOffer& offer,
                           SnapshotFile file, std::uint64_t offset);
  Result<Bytes> ask(const Contact& from, std::string_view method, const std::string& target);
  [[nodiscard]] bool is_current(std::uint64_t number) const { return number == newest_; }

  store::Store& store_;
  net::Client& client_;
  const bool packs_;

  std::atomic<std::uint64_t> newest_{0};  // of those that were announced
  std::atomic<bool> running_{false};
  std::atomic<std::uint64_t> arrived_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> bytes_{0};

  Worker worker_{"snapshot-fetch"};
};

}  // namespace rqlite::cluster
