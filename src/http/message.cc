#include "http/message.h"

namespace rqlite::http {

Response Response::text(int status, std::string message) {
  message += '\n';
  return {status, kTextType, {{"X-Content-Type-Options", "nosniff"}}, std::move(message)};
}

}  // namespace rqlite::http
