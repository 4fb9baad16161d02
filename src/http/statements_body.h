#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "command/request.h"

namespace rqlite::http {

// The statements of a request's body, encoded as they will stay (command/request.h).
struct ParsedStatements {
  Bytes encoded;
  std::size_t statements = 0;
  // Why none of it may run: "disallowed pragma" and the like; empty if it may.
  std::string forbidden;
};

// Reads bodies. Keeps its buffers from one body to the next: one for each thread.
class StatementsParser {
 public:
  StatementsParser();
  ~StatementsParser();

  // A JSON list of statements, each a string or a list of a string and its parameters. `body` may
  // be changed; `key`, if not empty, is the request's idempotency key. kInvalid, with the text for
  // the client, if it is not one; what stands behind the list is ignored. An empty list is no error
  // here.
  Result<ParsedStatements> parse_json(Bytes& body, command::RequestFlags flags, BytesView key = {});

  // The whole text as one statement.
  static ParsedStatements of_text(BytesView sql, command::RequestFlags flags, BytesView key = {});

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rqlite::http
