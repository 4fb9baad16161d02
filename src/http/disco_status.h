#pragma once

#include "discovery/disco_report.h"
#include "http/json_tree.h"

namespace rqlite::http {

// The section `disco` of `/status`.
JsonTree disco_status(const discovery::DiscoReport& report);

}  // namespace rqlite::http
