#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "cluster/cluster.h"
#include "http/api.h"
#include "http/credentials.h"
#include "net/server.h"
#include "net/tls_context.h"
#include "queue/write_queue.h"
#include "rqlited/clustering.h"
#include "rqlited/discovery.h"
#include "rqlited/node_tls.h"
#include "rqlited/options.h"
#include "rqlited/profiles.h"
#include "sqlite/extensions.h"
#include "store/directory_lock.h"
#include "store/store.h"

namespace rqlite::rqlited {

// All the rooms put together: a running server. One thread uses it, main()'s.
class Node {
 public:
  explicit Node(Options options) : options_(std::move(options)) {}
  ~Node();

  // Serves HTTP, opens the store, and joins the cluster if it is told to. Not ok: the message for
  // the fatal line, after a stop(): clients may have been served meanwhile. `stop_is_wanted` is
  // asked now and then by what may take long.
  Status start(const std::function<bool()>& stop_is_wanted);

  // After start(): the cluster says that this node was removed, so it is to be stopped, and a new
  // Node comes back as somebody new.
  [[nodiscard]] bool was_removed() const { return was_removed_; }

  // Reads the credentials file again, if there is one. One that cannot be read changes nothing.
  void reload();

  // Lets requests that were received be answered and queued ones be stored, then closes the
  // store. `leaves`: before, if the options want that, it has the other members go on without it;
  // if they do not, and this node has started, the process ends. False if something accepted could
  // not be stored.
  bool stop(bool leaves);

 private:
  // Null: there is no file.
  Result<std::shared_ptr<const http::Credentials>> read_credentials() const;
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> fixed_headers() const;
  Status open_tls();
  // Makes it, keeps other processes off it, and fills its folder of extensions.
  Status take_directory();
  Status open_cluster();
  // Looks whether it has been started with this data before, and says so.
  void say_what_is_there();
  Status open_store(std::size_t readers);
  void open_queue(queue::SequenceNumbers numbers);
  // Has the other members, if there are any, go on without this one. False: they may not.
  bool leave();
  // Makes another node the leader, if this one is and there is one.
  void hand_over();
  Status open_discovery();
  Status get_into_cluster(const std::function<bool()>& stop_is_wanted);
  // What this node had before it was removed from its cluster is put away, and goes when the
  // cluster has given it everything again.
  Status put_away_if_removed();
  void forget_put_away();
  void say_ready() const;

  const Options options_;
  const SystemClock clock_;

  std::optional<Profiles> profiles_;
  std::optional<store::DirectoryLock> lock_;  // until the store has it
  sqlite::Extensions extensions_;
  bool is_new_ = false;  // its directory knows of no cluster
  bool has_started_ = false;
  bool was_removed_ = false;
  bool waits_after_removal_ = false;  // and must not found a cluster of its own meanwhile

  // In the order in which they use each other; the HTTP server goes last, because replies lead
  // back to its connections.
  std::unique_ptr<http::Api> api_;
  std::unique_ptr<net::TlsContext> tls_;  // null: HTTP in clear
  NodeTls node_tls_;
  std::unique_ptr<cluster::Cluster> cluster_;
  std::unique_ptr<net::Server> server_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<queue::WriteQueue> queue_;
  std::unique_ptr<Discovery> discovery_;  // null: there is no -disco-mode
  Clustering* clustering_ = nullptr;      // while it gets this node into a cluster
};

}  // namespace rqlite::rqlited
