#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "raft/types.h"
#include "sqlite/value.h"

namespace rqlite::store {

// How much of what was acknowledged elsewhere a read must see.
enum class Level {
  kNone,          // whatever this node has
  kWeak,          // what this node has, if it believes to lead
  kLinearizable,  // everything acknowledged before the read began
  kStrong,        // the same, by an entry of its own in the log
};

struct Query {
  Bytes request;  // a batch of one (command/request.h); `transaction` asks for one view for all
  Level level = Level::kWeak;
  bool qualify_columns = false;
  std::chrono::nanoseconds linearizable_timeout{std::chrono::seconds(10)};
};

// Takes a query's results in as they are read. Calls come in order, on a thread of the store's,
// one at a time: for each statement columns(), rows, then done() or failed(); at last finished().
class QuerySink {
 public:
  virtual ~QuerySink() = default;

  virtual void columns(std::vector<std::string> names, std::vector<std::string> types) = 0;
  // The values live for the call only.
  virtual void row(std::span<const sqlite::ValueView> values) = 0;
  virtual void done(double seconds) = 0;
  // The statement failed; rows that came before are void. Columns may not have come.
  virtual void failed(std::string error) = 0;

  // The query is over. Not ok: the request as a whole failed, and what came before is void.
  // `index` is that of the query's own entry, if it had one.
  virtual void finished(const Status& status, raft::Index index) = 0;
};

}  // namespace rqlite::store
