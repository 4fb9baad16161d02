// What name servers say about a service.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "discovery/srv_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const auto records = rqlite::discovery::read_srv_answer(message);
  if (!records.ok()) return 0;
  // A record takes some bytes of the message.
  CHECK(records->size() <= size);
  return 0;
}
