#pragma once

#include <memory>
#include <string>

#include "http/request_options.h"
#include "net/message.h"
#include "store/store.h"
#include "store/write.h"

namespace rqlite::http {

// Turns what a request did into its reply. `served_by` must outlive the request.
std::unique_ptr<store::Write> make_write_reply(RequestOptions options,
                                               std::shared_ptr<net::Reply> reply,
                                               const std::string& served_by);

// Writes one request, whose statements may run for so long, together; for as long as they take if
// that is not more than zero.
void write(store::Store& store, Bytes batch, std::chrono::nanoseconds timeout,
           std::unique_ptr<store::Write> write);

}  // namespace rqlite::http
