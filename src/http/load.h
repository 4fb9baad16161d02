#pragma once

#include <memory>
#include <string>

#include "http/counters.h"
#include "http/request_options.h"
#include "http/upload.h"
#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// POST /db/load: the body is a database, which replaces this one, or else SQL text, which runs as
// one statement. `store` is null while it is not open; `served_by` and `counters` must outlive the
// request.
void load(const net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
          std::shared_ptr<Upload> body, const std::string& served_by, Counters& counters);

// The answer to POST /db/load with `body`, which another node was to answer and did not; says
// whether anything can have come of it.
net::Response load_unanswered(const RequestOptions& options, const Upload& body, const Status& why);

// POST /boot: the body is a database, which replaces that of a cluster of one.
void boot(std::shared_ptr<net::Reply> reply, store::Store* store, std::shared_ptr<Upload> body,
          Counters& counters);

}  // namespace rqlite::http
