#pragma once

#include <memory>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/result.h"
#include "net/tls_context.h"
#include "net/tls_dialer.h"
#include "rqlited/options.h"

namespace rqlite::rqlited {

// Both ends of what goes between nodes, as -node-cert and its companions have it.
struct NodeTls {
  // `files` and `clock` must outlive what it returns. Says in the log what is protected, and what
  // should be.
  static Result<NodeTls> open(const Options& options, FileSystem& files, const Clock& clock);

  // Null: in clear.
  std::unique_ptr<net::TlsContext> accepting;
  std::unique_ptr<net::TlsDialer> dialing;
};

}  // namespace rqlite::rqlited
