#include "net/message.h"

namespace rqlite::net {

Response Response::text(int status, std::string message) {
  message += '\n';
  return {status, kTextType, {{"X-Content-Type-Options", "nosniff"}}, std::move(message)};
}

}  // namespace rqlite::net
