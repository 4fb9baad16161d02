#pragma once

#include <memory>
#include <string>

#include "http/counters.h"
#include "http/request_options.h"
#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// GET and POST /db/query: statements that read. `store` is null while it is not open; `served_by`
// and `counters` must outlive the request. `refused`: of a request that another node may answer
// yet.
void query(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
           const std::string& served_by, Counters& counters, OnRefused refused);

}  // namespace rqlite::http
