#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sqlite/connection.h"

namespace rqlite::sqlite {

// What a connection says of itself and of its database, for people who look after it.
struct Figures {
  // Both by name; sorted.
  std::vector<std::pair<std::string, std::int64_t>> memory;
  std::vector<std::pair<std::string, std::string>> settings;
};

Figures read_figures(Connection& connection);

}  // namespace rqlite::sqlite
