#pragma once

#include <memory>

#include "base/pause.h"
#include "discovery/http_caller.h"
#include "net/client.h"

namespace rqlite::discovery {

// Calls over HTTP clients, until the pause is stopped: then it gives up at once. Thread-safe.
class ClientCaller final : public HttpCaller {
 public:
  static constexpr std::size_t kAnswerBytesMax = 1 << 20;

  // `tls` may be null if nothing is called that way. Both must outlive it.
  ClientCaller(net::Client& plain, net::Client* tls, std::shared_ptr<Pause> pause)
      : plain_(plain), tls_(tls), pause_(std::move(pause)) {}

  Result<HttpAnswer> call(const HttpCall& call) override;

 private:
  net::CallResult fetch(const HttpCall& call, bool fresh);

  net::Client& plain_;
  net::Client* const tls_;
  const std::shared_ptr<Pause> pause_;
};

}  // namespace rqlite::discovery
