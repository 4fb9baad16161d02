#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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
  // Of level none: how long this node may have heard nothing from the leader; zero: for ever.
  std::chrono::nanoseconds freshness{0};
  // Nor may what it applied last have been so old by then, if there is more that it has not
  // applied.
  bool freshness_is_strict = false;
  std::chrono::nanoseconds linearizable_timeout{std::chrono::seconds(10)};
  // How long its statements may run, together; zero or less: as long as they take.
  std::chrono::nanoseconds timeout{0};
};

// Takes a query's results in as they are read. Calls come in order, one at a time, on a thread of
// the store's or, where the read is short, on the one that asked: begin(); for each statement
// columns(), rows, then done() or failed(); at last finished(), which may come without any other.
class QuerySink {
 public:
  virtual ~QuerySink() = default;

  // The query begins, perhaps again: what came before is void. Tells whether it reads on a thread
  // that the calls may block.
  virtual void begin(bool may_block) = 0;
  virtual void columns(std::vector<std::string> names, std::vector<std::string> types) = 0;
  // The values live for the call only. False: nobody wants the rest, and the query ends.
  virtual bool row(std::span<const sqlite::ValueView> values) = 0;
  virtual void done(double seconds) = 0;
  // The statement failed; rows that came before are void. Columns may not have come.
  virtual void failed(std::string error) = 0;
  // On the thread that asked: the read goes on on another one, and may take long.
  virtual void leave() {}
  // Whether anybody still waits for the result. While it reads, on the thread that does.
  virtual bool is_wanted() { return true; }
  // Runs `work` on the thread that asked, after what waits for that thread already; there the read
  // goes on if it is short. False: it cannot, and does not.
  virtual bool post([[maybe_unused]] std::function<void()> work) { return false; }

  // The query is over. Not ok: the request as a whole failed, and what came before is void.
  // `index` is that of the query's own entry, if it had one.
  virtual void finished(const Status& status, raft::Index index) = 0;
};

}  // namespace rqlite::store
