// The bodies that name a node.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "http/node_id_body.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto removed = rqlite::http::read_node_to_remove(body);
  const auto successor = rqlite::http::read_successor(body);
  // Whatever names a node to remove names a successor, and the same one.
  CHECK(!removed.ok() || (successor.ok() && *removed == *successor));
  return 0;
}
