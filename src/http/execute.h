#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "http/counters.h"
#include "http/write_reply.h"
#include "net/message.h"
#include "queue/write_queue.h"
#include "store/store.h"

namespace rqlite::http {

// POST /db/execute: the statements go into the log as one entry, and their results come back.
// `store` is null while it is not open; `served_by` and `counters` must outlive the request.
void execute(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
             const std::string& served_by, Counters& counters, std::optional<Passage> passage);

// POST /db/execute?queue: the statements wait for others to share an entry with. `atomic` makes
// every request a transaction.
void execute_queued(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
                    queue::WriteQueue* queue, const Clock& clock, bool atomic, Counters& counters);

}  // namespace rqlite::http
