#pragma once

#include "http/message.h"

namespace rqlite::http {

// `/` and `/console`: where the console is. Any method.
Response redirect_to_console(const Request& request, int status);

// `/console/` and what belongs to the page, from files that are part of the program.
Response console(const Request& request);

// GET /licenses.
Response licenses();

}  // namespace rqlite::http
