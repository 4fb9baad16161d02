#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/counters.h"
#include "http/write_reply.h"
#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// POST /db/request: statements that read and such that write. If all only read it is a query, else
// it goes into the log as one entry, reads included. `store` is null while it is not open;
// `served_by` and `counters` must outlive the request. `elsewhere`, called on some thread, has the
// leader answer what does more than read; null: that goes to this node's store.
void unified(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
             const std::string& served_by, Counters& counters, std::optional<Passage> passage,
             std::function<void()> elsewhere = nullptr);

}  // namespace rqlite::http
