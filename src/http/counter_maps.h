#pragma once

#include <functional>
#include <map>
#include <string>

#include "http/counters.h"

namespace rqlite::http {

// The counters of each part by the part's name.
using CounterMaps = std::map<std::string, Counts, std::less<>>;

// All that GET /debug/vars has of them, at zero: whoever looks for one finds it, at any time, also
// where it counts what this server never does.
[[nodiscard]] CounterMaps counters_at_zero();

// These are no zeros.
void put(Counts& counts, const Counts& values);

}  // namespace rqlite::http
