#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace rqlite::discovery {

// The value of the key: who leads the cluster, or who is about to found it.
//
// A JSON object: "id", "api_addr" and "addr" as rqlite has them, without those that are empty. A
// claim has a "founder" besides, which tells the data directory that claims the key from another
// one of the same node id; the report of a leader has none.
struct LeaderEntry {
  std::string id;
  std::string api_addr;  // "http://host:4001"
  std::string addr;      // the Raft address that others join: "host:4002"
  std::string founder;   // empty: this node leads

  [[nodiscard]] bool is_claim() const { return !founder.empty(); }
  [[nodiscard]] Bytes to_json() const;
  // kInvalid if it is no such object, or says no address.
  static Result<LeaderEntry> parse(BytesView json);

  friend bool operator==(const LeaderEntry&, const LeaderEntry&) = default;
};

}  // namespace rqlite::discovery
