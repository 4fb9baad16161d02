#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/random.h"
#include "raft/types.h"

namespace rqlite::raft {

// What one member sends to another. A snapshot's content travels with its message.
struct Parcel {
  RaftId from;
  RaftId to;
  std::uint64_t life = 0;  // of the sender: it started this often before
  Bytes message;
  bool is_snapshot = false;
  Bytes content;
  bool is_copy = false;
};

// The fate of a snapshot, for whoever sent it.
struct SnapshotReport {
  RaftId sender;
  std::uint64_t life = 0;
  RaftId to;
  bool arrived = false;
};

// Carries parcels in simulated time: late, doubled, out of order, or not at all. Everything that
// happens follows from the generator.
class SimNetwork {
 public:
  struct Weather {
    double loss = 0;
    double duplication = 0;
    bool reorders = false;
    bool stalls = false;  // a parcel in fifty takes very long
  };

  explicit SimNetwork(Random& random) : random_(random) {}

  void set_weather(Weather weather) { weather_ = weather; }
  // What is sent in this direction, or still on its way, is lost until heal().
  void cut(RaftId from, RaftId to) { cuts_.emplace(from, to); }
  void heal() { cuts_.clear(); }

  void send(Parcel parcel, std::uint64_t now_ms);

  // The next parcel that arrives by `now_ms`; nullopt if there is none. Whoever takes it delivers
  // it, or calls lose() if nobody is there.
  std::optional<Parcel> next(std::uint64_t now_ms);
  void lose(const Parcel& parcel) { report(parcel, false); }
  void delivered(const Parcel& parcel) { report(parcel, true); }

  std::optional<SnapshotReport> next_report();

 private:
  void report(const Parcel& parcel, bool arrived);

  Random& random_;
  Weather weather_;
  std::set<std::pair<RaftId, RaftId>> cuts_;
  std::uint64_t sent_ = 0;
  std::map<std::pair<std::uint64_t, std::uint64_t>, Parcel> under_way_;  // by due time, then order
  std::map<std::pair<RaftId, RaftId>, std::uint64_t> last_due_;
  std::deque<SnapshotReport> reports_;
};

}  // namespace rqlite::raft
