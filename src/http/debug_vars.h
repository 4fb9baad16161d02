#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/bytes.h"
#include "cluster/cluster.h"
#include "http/counters.h"
#include "net/message.h"
#include "queue/write_queue.h"
#include "store/store.h"

namespace rqlite::http {

// Values by name, each as JSON.
using DebugVars = std::map<std::string, Bytes, std::less<>>;
// Adds what neither store nor queue nor API knows.
using ProcessVars = std::function<void(DebugVars&)>;

// GET /debug/vars: the counters of all parts, in the form that collectors of such pages know. The
// store and the queue are null while the store is not open, `cluster` on a node that has no port
// for others.
net::Response debug_vars(const net::Request& request, const Counters& counters, store::Store* store,
                         queue::WriteQueue* queue, cluster::Cluster* cluster,
                         const ProcessVars& process);

}  // namespace rqlite::http
