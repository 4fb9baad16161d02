#pragma once

#include <functional>

#include "http/metrics_text.h"
#include "net/message.h"
#include "queue/write_queue.h"
#include "store/store.h"

namespace rqlite::http {

// GET /metrics: what a Prometheus server collects. `store` and `queue` are null while the store is
// not open; `process` adds what neither of them knows.
net::Response metrics(store::Store* store, queue::WriteQueue* queue,
                      const std::function<void(MetricsText&)>& process);

}  // namespace rqlite::http
