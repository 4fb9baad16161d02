#include "sqlite/figures.h"

namespace rqlite::sqlite {
namespace {

constexpr const char* kMemory[] = {"cache_size",     "freelist_count", "hard_heap_limit",
                                   "max_page_count", "page_count",     "page_size",
                                   "soft_heap_limit"};
constexpr const char* kSettings[] = {"busy_timeout", "foreign_keys", "journal_mode", "synchronous",
                                     "wal_autocheckpoint"};

// The one value of a PRAGMA, as its type has it; NULL if there is none.
template <typename Use>
void read(Connection& connection, const std::string& name, Use use) {
  const std::string text = "PRAGMA " + name;
  std::string_view sql = text;
  Error error;
  Statement statement = connection.prepare(sql, false, error);
  if (error.ok() && statement.step(error) == Statement::Step::kRow) use(statement.column(0));
}

std::string to_text(const ValueView& value) {
  return value.type == ValueType::kInteger ? std::to_string(value.integer)
                                           : std::string(value.bytes);
}

}  // namespace

Figures read_figures(Connection& connection) {
  Figures figures;
  for (const char* name : kMemory) {
    read(connection, name,
         [&](const ValueView& value) { figures.memory.emplace_back(name, value.integer); });
  }
  for (const char* name : kSettings) {
    read(connection, name,
         [&](const ValueView& value) { figures.settings.emplace_back(name, to_text(value)); });
  }
  return figures;
}

}  // namespace rqlite::sqlite
