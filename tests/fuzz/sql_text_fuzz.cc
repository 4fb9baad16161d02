// The scanner of SQL texts: it must stop, stay inside the text, and contradict itself nowhere.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "sqlite/sql_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rqlite::sqlite;
  const std::string_view sql(reinterpret_cast<const char*>(data), size);
  const SqlShape shape = shape_of(sql);
  const auto why = forbidden(sql);
  // What is forbidden is a PRAGMA or a file, and neither may share a transaction.
  if (why && shape.single) CHECK(!is_groupable(shape));
  return 0;
}
