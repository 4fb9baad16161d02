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

// The place of a batch in the stream of its write queue: its requests have the numbers `first`,
// `first` + 1 and so on. A queue begins a stream, with an epoch greater than all of its member
// before, whenever it starts.
struct StreamPlace {
  BytesView node_id;
  std::uint64_t epoch = 0;  // the number of the stream's first request
  std::uint64_t first = 0;
  std::uint64_t member = 0;  // the queue's, its Raft id; 0: in entries that do not say
};

// Whose write it is, if a member forwarded it to the leader and may do so again: the state machine
// applies each number of a member's epoch once. A member begins an epoch, greater than all before,
// whenever it starts, and has had an answer for each number below `answered_below`.
struct Origin {
  std::uint64_t member = 0;  // its Raft id
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
  std::uint64_t answered_below = 0;  // at most `number`

  friend bool operator==(const Origin&, const Origin&) = default;
};

// That the database is to be replaced by a file that each member has, put aside under this number
// by whoever proposed it, or come in pieces.
struct Replacement {
  std::uint64_t file = 0;
  std::uint64_t bytes = 0;  // its size
};

// A piece of a file that is to replace the database. The first one is at offset 0, each other one
// begins where the one before ended; an empty one says that no more will come.
struct Piece {
  std::uint64_t file = 0;
  std::uint64_t offset = 0;
  BytesView bytes;
};

// What the replicated log carries, in protobuf's encoding:
//
//   1 sint64  unix_milliseconds
//   2 fixed64 seed
//   3 bytes   node id  }
//   4 fixed64 epoch    } of a batch from a write queue
//   5 fixed64 first    }
//   6 fixed64 the file that replaces the database, or of which this is a piece; it comes alone
//   7 uint64  its size: it replaces the database now
//   8 fixed64 the origin's four numbers, packed, in their order; beside one request, and no place
//   9 uint64  where the piece belongs
//  10 bytes   Request, repeated (request.h)
//  11 bytes   the piece
//  12 fixed64 the member whose write queue that is
//
// A command without requests changes nothing: a barrier that a read can wait for. Field numbers
// are never used again for something else: old logs hold them.

// The command for a batch of requests, which may be empty. Takes the batch over.
Bytes encode_command(Bytes batch, const Header& header,
                     const std::optional<StreamPlace>& place = std::nullopt);

// The command for a batch of one request that was forwarded. Takes the batch over.
Bytes encode_command(Bytes batch, const Header& header, const Origin& origin);

// The command that replaces the database.
Bytes encode_command(const Replacement& replacement, const Header& header);

// The command that carries a piece of a file.
Bytes encode_command(const Piece& piece, const Header& header);

struct Command {
  Header header;
  std::optional<StreamPlace> place;  // views, like the requests, into what was decoded
  std::optional<Origin> origin;
  std::optional<Replacement> replacement;
  std::optional<Piece> piece;  // its bytes are a view, too
  std::vector<BytesView> requests;
};

// Nullopt if `bytes` is not a command.
std::optional<Command> decode_command(BytesView bytes);

}  // namespace rqlite::command
