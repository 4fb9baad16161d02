#pragma once

#include "http/counter_maps.h"
#include "store/store.h"

namespace rqlite::http {

// What the store counts for GET /debug/vars: in the maps `store`, `db`, `snapshot` and
// `proto`.
void add_store_counts(CounterMaps& maps, store::Store& store);

}  // namespace rqlite::http
