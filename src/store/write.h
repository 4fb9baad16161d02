#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "command/result.h"
#include "raft/types.h"

namespace rqlite::store {

// Whoever waits for a batch of requests to be applied. Exactly one of the two is called, once, on
// a thread of the store's, and must not block.
class Write {
 public:
  virtual ~Write() = default;

  // Stored, on disk and in the database; one result for each request of the batch, in order.
  virtual void applied(raft::Index index, std::vector<command::RequestResult> results) = 0;

  // Not applied here. kUnknown: it may still be, or may have been, applied. Any other code: it
  // never is.
  virtual void failed(const Status& why) = 0;

  // Agreed on and on disk: applied() follows, or failed() with kUnknown. Before either, if at all.
  virtual void committed() {}
};

// Hears of batches of this node's queue that were applied here, and of which nobody at this store
// waits for what they did: they went into the log through another node, or whoever proposed them
// has been told that their fate is unknown. On a thread of the store's; must not block.
class StreamListener {
 public:
  virtual ~StreamListener() = default;
  virtual void on_stream_applied(std::uint64_t epoch, std::uint64_t first, raft::Index index,
                                 std::vector<command::RequestResult> results) = 0;
};

// Where the batches of a write queue go to be stored.
class StreamTarget {
 public:
  virtual ~StreamTarget() = default;
  // Puts encoded requests (command/request.h), at least one, into the log as one entry and applies
  // it, once and in order: a batch that was applied before is answered with what it did then, one
  // whose predecessor was not, with kUnavailable. From any thread.
  virtual void write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
                     std::unique_ptr<Write> write) = 0;
  // Tells applied(), with no results, once the leader has applied everything up to `index`, which
  // this node has applied; failed(), if that is not known in time. From any thread.
  virtual void confirm(raft::Index index, std::unique_ptr<Write> write) = 0;
  // Null: nobody listens any more, once it returns.
  virtual void listen(StreamListener* listener) = 0;
};

}  // namespace rqlite::store
