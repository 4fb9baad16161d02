// What a store says who leads.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "discovery/leader_entry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using rqlite::discovery::LeaderEntry;
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  const auto entry = LeaderEntry::parse(json);
  if (!entry.ok()) return 0;
  // What it says survives being written and read.
  const auto again = LeaderEntry::parse(entry->to_json());
  CHECK(again.ok() && *again == *entry);
  return 0;
}
