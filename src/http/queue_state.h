#pragma once

#include <memory>

#include "base/clock.h"
#include "http/counters.h"
#include "http/json_tree.h"
#include "net/message.h"
#include "queue/write_queue.h"
#include "store/store.h"

namespace rqlite::http {

// GET /db/queue: how full the write queue is and how far it has come; with `sequence_number`,
// what became of that request, with `wait` once it is known, with `node` of the queue of that
// node. Both are null while the store is not open.
void queue_state(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
                 queue::WriteQueue* queue, Counters& counters);

// What `/db/queue` and `/status` say of the queue alike.
JsonTree queue_figures(const queue::WriteQueue::Report& report,
                       const queue::Batcher::Limits& limits);

}  // namespace rqlite::http
