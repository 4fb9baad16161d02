#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "net/client.h"

namespace rqlite::net {

// The head of a call's request as it is sent: the request line, the fields, and an empty line. The
// error is kInvalid: something of it would not stay in its place, or it has two bodies.
Result<Bytes> head_of(const Call& call);

}  // namespace rqlite::net
