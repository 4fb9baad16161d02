#pragma once

#include <memory>

#include "http/counters.h"
#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// GET and POST /db/sql: what would become of statements on their way into the log. Nothing is
// rewritten here, so each stays as it is if SQLite can read it; if not, there is the error.
// `store` is null while it is not open; `counters` must outlive the request.
void analyze_sql(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
                 Counters& counters);

}  // namespace rqlite::http
