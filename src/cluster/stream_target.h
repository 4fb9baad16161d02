#pragma once

#include <memory>
#include <string>

#include "net/client.h"
#include "store/store.h"

namespace rqlite::cluster {

// Where the batches of this node's write queue go: into the log if this node leads, else to the
// node that does. The stream's identity goes with them, so that one whose fate is unknown may be
// sent again, to whomever leads then.
//
// Threads: any.
class StreamTarget final : public store::StreamTarget {
 public:
  StreamTarget(store::Store& store, net::Client& client) : store_(store), client_(client) {}

  void write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
             std::unique_ptr<store::Write> write) override;
  // A batch is applied here, too, wherever it went into the log.
  void listen(store::StreamListener* listener) override { store_.listen(listener); }

 private:
  store::Store& store_;
  net::Client& client_;
};

}  // namespace rqlite::cluster
