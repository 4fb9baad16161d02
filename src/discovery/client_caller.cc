#include "discovery/client_caller.h"

#include <optional>
#include <utility>

#include "base/check.h"

namespace rqlite::discovery {

Result<HttpAnswer> ClientCaller::call(const HttpCall& call) {
  net::CallResult result = fetch(call, false);
  // The server had closed the kept connection: that says nothing about this call.
  if (result.stale) result = fetch(call, true);
  if (!result.response.ok()) return result.response.error().with_context(call.address);
  return HttpAnswer{result.response->status, std::move(result.response->body)};
}

net::CallResult ClientCaller::fetch(const HttpCall& call, bool fresh) {
  CHECK(!call.tls || tls_ != nullptr);
  net::Call made;
  made.address = call.address;
  made.method = call.method;
  made.target = call.target;
  made.headers = call.headers;
  made.body = call.body;
  made.timeout = call.timeout;
  made.fresh = fresh;
  auto done = std::make_shared<std::optional<net::CallResult>>();
  const net::CallHandle handle =
      (call.tls ? *tls_ : plain_)
          .fetch(std::move(made), kAnswerBytesMax, [pause = pause_, done](net::CallResult result) {
            pause->change([&] { done->emplace(std::move(result)); });
          });
  if (!pause_->wait([&] { return done->has_value(); })) {
    handle.give_up();
    return {Status(Code::kUnavailable, "stopped")};
  }
  return *std::move(*done);
}

}  // namespace rqlite::discovery
