#pragma once

#include <memory>
#include <optional>
#include <string>

#include "command/command.h"
#include "http/request_options.h"
#include "net/message.h"
#include "store/store.h"
#include "store/write.h"

namespace rqlite::http {

// A write that another node has from a client, or this node had for another leader, and that may
// have been sent before.
struct Passage {
  command::Origin origin;
  OnRefused refused;
};

// Turns what a request did into its reply. `served_by` must outlive the request.
std::unique_ptr<store::Write> make_write_reply(RequestOptions options,
                                               std::shared_ptr<net::Reply> reply,
                                               const std::string& served_by,
                                               std::optional<Passage> passage = std::nullopt);

// Writes one request, whose statements may run for so long, together; for as long as they take if
// that is not more than zero.
void write(store::Store& store, Bytes batch, std::chrono::nanoseconds timeout,
           const std::optional<Passage>& passage, std::unique_ptr<store::Write> write);

}  // namespace rqlite::http
