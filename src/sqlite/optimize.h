#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "sqlite/connection.h"

namespace rqlite::sqlite {

// The ANALYZE statements that would bring the planner's statistics up to date, by SQLite's own
// judgement: for tables with an index that was never analysed, or whose size has changed much.
// Changes nothing, and reads little. Before version 3.46 SQLite judges no table that has neither
// statistics nor an index that begins with a plain column and holds all rows, and `connection` is
// one of its own for that, because it remembers what it was asked.
//
// `PRAGMA optimize` itself would do what one connection happens to find worth while, and so leave
// replicas with other statistics, and other plans.
Result<std::vector<std::string>> wanted_analyses(Connection& connection);
// Whether only a connection that may write can be asked: from version 3.46 on SQLite begins to
// write before it looks, even if it is to tell and not to do.
bool asking_takes_a_writer();

}  // namespace rqlite::sqlite
