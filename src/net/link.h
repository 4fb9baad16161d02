#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <memory>
#include <string>

#include "net/socket.h"

namespace rqlite::net {

// A connection that we dialled.
struct Link {
  std::unique_ptr<Socket> socket;
  std::string between;               // "127.0.0.1:41234->127.0.0.1:4002": our end, and the peer's
  boost::beast::flat_buffer buffer;  // what was read and not yet used
};

}  // namespace rqlite::net
