#pragma once

#include <memory>
#include <string>

#include "http/request_options.h"
#include "net/message.h"
#include "store/query.h"
#include "store/store.h"

namespace rqlite::http {

// Turns a query's results into its reply as they are read: a short one at once, a longer one in
// pieces, at the client's pace. `served_by` must outlive the request. `refused`, if there is one,
// hears in place of the client why nothing came of it.
std::unique_ptr<store::QuerySink> make_query_reply(RequestOptions options,
                                                   std::shared_ptr<net::Reply> reply,
                                                   const std::string& served_by,
                                                   OnRefused refused = nullptr);

// How the parameters of a request want it to read; without its statements.
store::Query query_of(const net::Parameters& parameters, store::Store& store);

}  // namespace rqlite::http
