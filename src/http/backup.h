#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "http/counters.h"
#include "http/request_options.h"
#include "net/message.h"
#include "store/store.h"

namespace rqlite::http {

// The type of the backup that the parameters ask for; a constant.
std::string_view backup_type(const net::Parameters& parameters);

// GET /db/backup: the database as a file, or as SQL text, at one moment, in pieces and at the
// client's pace, while writes go on. `store` is null while it is not open. `done` is called, on
// some thread, once all of it was handed over. `refused`: of a request that is the leader's to
// answer, whoever that is by now.
void backup(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
            Counters& counters, OnRefused refused, std::function<void()> done);

}  // namespace rqlite::http
