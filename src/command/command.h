#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "command/request.h"

namespace rqlite::command {

// What every replica needs to apply an entry alike, beside the requests themselves.
struct Header {
  std::int64_t unix_milliseconds = 0;  // the proposer's clock: what SQL sees as now
  std::uint64_t seed = 0;              // of random() and randomblob()
};

// What the replicated log carries, in protobuf's encoding:
//
//   1 sint64  unix_milliseconds
//   2 fixed64 seed
//  10 bytes   Request, repeated (request.h)
//
// A command without requests changes nothing: a barrier that a read can wait for. Field numbers
// are never used again for something else: old logs hold them.

// The command for a batch of requests, which may be empty. Takes the batch over.
Bytes encode_command(Bytes batch, const Header& header);

struct Command {
  Header header;
  std::vector<BytesView> requests;  // views into what was decoded
};

// Nullopt if `bytes` is not a command.
std::optional<Command> decode_command(BytesView bytes);

}  // namespace rqlite::command
