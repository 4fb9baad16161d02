#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/pause.h"
#include "base/result.h"
#include "base/thread.h"
#include "discovery/disco_figures.h"
#include "discovery/environment.h"
#include "discovery/leader_reporter.h"
#include "discovery/registration.h"
#include "discovery/store_access.h"

namespace rqlite::discovery {

// What -disco-mode=consul-kv and etcd-kv ask for: finding a cluster by way of a key, and keeping
// the key up to date while this node leads.
//
// Threads: "disco" reports; whoever calls register_node() registers, and `join` and `found` are
// called on that thread; `leads` is called on "disco". Stop: stop(), or the destructor.
class KvDiscovery {
 public:
  struct Options {
    DiscoMode mode = DiscoMode::kConsul;
    std::string key = "rqlite";  // of the cluster: its value is that of "<key>/leader"
    Bytes config;                // the JSON text of read_disco_config()
    Registration::Self self;
  };
  // How to act on this node.
  struct Node {
    std::function<Status(const std::string& address)> join;  // as Registration::Means has them
    std::function<Status()> found;
    std::function<bool()> leads;  // must not block
  };

  // The error is the text for the user: "failed to start discovery service: …". What is passed by
  // reference must outlive it.
  static Result<std::unique_ptr<KvDiscovery>> open(Options options, Node node,
                                                   const Environment& environment,
                                                   FileSystem& files, const Clock& clock);
  ~KvDiscovery();
  KvDiscovery(const KvDiscovery&) = delete;
  KvDiscovery& operator=(const KvDiscovery&) = delete;

  // From now on the key is kept up to date. Once.
  void start_reporting();
  // For a node that is in no cluster yet: blocks until it is. The outcome is Registration::run()'s.
  // `join` and `found` have to end by themselves when the node stops; all else ends by stop().
  Status register_node();

  // This node has begun to lead, or has ended to: it is reported at once. Any thread; never blocks.
  void on_leadership_change() { report_pause_->wake(); }
  // Any thread.
  void stop();
  [[nodiscard]] DiscoReport report() const { return figures_.report(); }

 private:
  KvDiscovery(Options options, Node node, const Clock& clock);

  const Options options_;
  const Node node_;
  const Clock& clock_;
  const std::shared_ptr<Pause> register_pause_;
  const std::shared_ptr<Pause> report_pause_;
  DiscoFigures figures_;
  std::unique_ptr<StoreAccess> access_;
  std::unique_ptr<StoreAccess::View> register_view_;
  std::unique_ptr<StoreAccess::View> report_view_;
  std::unique_ptr<LeaderReporter> reporter_;  // null: it was not started

  Thread thread_;
};

}  // namespace rqlite::discovery
