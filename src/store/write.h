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
};

// Where batches of encoded requests (command/request.h) go to be stored.
class WriteTarget {
 public:
  virtual ~WriteTarget() = default;
  // Puts the batch into the log as one entry and applies it. An empty one changes nothing, but
  // has its place in the order. From any thread.
  virtual void write(Bytes batch, std::unique_ptr<Write> write) = 0;
};

}  // namespace rqlite::store
