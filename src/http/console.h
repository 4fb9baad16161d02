#pragma once

#include "net/message.h"

namespace rqlite::http {

// `/` and `/console`: where the console is. Any method.
net::Response redirect_to_console(const net::Request& request, int status);

// `/console/` and what belongs to the page, from files that are part of the program.
net::Response console(const net::Request& request);

// GET /licenses.
net::Response licenses();

}  // namespace rqlite::http
