#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "discovery/disco_report.h"
#include "discovery/kv_discovery.h"
#include "discovery/system_lookup.h"
#include "raft/types.h"
#include "rqlited/options.h"

namespace rqlite::rqlited {

// What -disco-mode asks for: one of two ways to find other nodes.
class Discovery {
 public:
  // The error is the text for the user. `may_found`: whether this node may claim a key that is not
  // there; one that was removed from its cluster waits for that. `node` is for a mode with a key,
  // and is called after store() was told to do something; the clock must outlive it. Precondition:
  // there is a mode.
  static Result<std::unique_ptr<Discovery>> open(const Options& options, raft::RaftId id,
                                                 bool may_found, discovery::KvDiscovery::Node node,
                                                 const Clock& clock);

  // One of them is null.
  [[nodiscard]] discovery::SystemLookup* lookup() { return lookup_.get(); }
  [[nodiscard]] discovery::KvDiscovery* store() { return store_.get(); }

  // Any thread.
  [[nodiscard]] discovery::DiscoReport report() const {
    return lookup_ ? lookup_->report() : store_->report();
  }
  void on_leadership_change() {
    if (store_) store_->on_leadership_change();
  }
  // Ends what is under way, and all that comes. Any thread.
  void stop() {
    if (lookup_) lookup_->stop();
    if (store_) store_->stop();
  }

 private:
  Discovery() = default;

  std::unique_ptr<discovery::SystemLookup> lookup_;
  std::unique_ptr<discovery::KvDiscovery> store_;
};

}  // namespace rqlite::rqlited
