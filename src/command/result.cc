#include "command/result.h"

#include <algorithm>

namespace rqlite::command {

bool RequestResult::ok() const {
  return error.empty() &&
         std::all_of(statements.begin(), statements.end(),
                     [](const StatementResult& each) { return each.error.empty(); });
}

}  // namespace rqlite::command
