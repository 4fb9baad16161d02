// A command from the log or from another node, and the requests in it.
#include <cstddef>
#include <cstdint>

#include "command/command.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const rqlite::BytesView bytes(reinterpret_cast<const char*>(data), size);
  const auto command = rqlite::command::decode_command(bytes);
  if (!command) return 0;
  std::size_t total = 0;
  for (const rqlite::BytesView request : command->requests) {
    rqlite::command::RequestReader reader(request);
    while (reader.next()) {
      total += reader.sql().size();
      for (const auto& each : reader.parameters()) {
        total += each.name.size() + each.value.bytes.size();
      }
    }
  }
  // Views of the input cannot be longer than it, but for texts that statements share.
  return total == SIZE_MAX ? -1 : 0;
}
