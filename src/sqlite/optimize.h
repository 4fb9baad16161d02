#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sqlite/connection.h"

namespace rqlite::sqlite {

// The ANALYZE statements that would bring the planner's statistics up to date, by SQLite's own
// judgement: for tables with an index that was never analysed, or whose size has changed much.
// Changes nothing, and reads little. Before version 3.46 SQLite judges no table that has neither
// statistics nor an index that begins with a plain column and holds all rows.
//
// `PRAGMA optimize` itself would do what one connection happens to find worth while, and so leave
// replicas with other statistics, and other plans.
Result<std::vector<std::string>> wanted_analyses(Connection& connection);

}  // namespace rqlite::sqlite
