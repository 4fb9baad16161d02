// The JSON body of a request: what is taken must come out of its encoding as so many statements.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "command/command.h"
#include "http/statements_body.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rqlite;
  static http::StatementsParser parser;
  Bytes body(reinterpret_cast<const char*>(data), size);
  const auto parsed = parser.parse_json(body, {});
  if (!parsed.ok()) {
    CHECK(parsed.error().code() == Code::kInvalid && !parsed.error().text().empty());
    return 0;
  }
  const auto command = command::decode_command(parsed->encoded);
  CHECK(command.has_value());
  std::size_t statements = 0;
  for (const BytesView request : command->requests) {
    command::RequestReader reader(request);
    while (reader.next()) statements++;
    CHECK(reader.ok());
  }
  CHECK(statements == parsed->statements);
  return 0;
}
