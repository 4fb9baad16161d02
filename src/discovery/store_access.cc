#include "discovery/store_access.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "discovery/consul_store.h"
#include "discovery/consul_tls.h"
#include "discovery/etcd_store.h"

namespace rqlite::discovery {

using namespace std::chrono_literals;

namespace {

constexpr Nanos kConsulConnectTimeout = 5s;

class OwnView final : public StoreAccess::View {
 public:
  OwnView(net::Client& plain, net::Client* tls, std::shared_ptr<Pause> pause,
          const std::function<std::unique_ptr<KeyValueStore>(HttpCaller&)>& make_store)
      : caller_(plain, tls, std::move(pause)), store_(make_store(caller_)) {}
  KeyValueStore& store() override { return *store_; }

 private:
  ClientCaller caller_;
  const std::unique_ptr<KeyValueStore> store_;
};

}  // namespace

Result<std::unique_ptr<StoreAccess>> StoreAccess::open(DiscoMode mode, BytesView config,
                                                       const Environment& environment,
                                                       FileSystem& files, const Clock& clock) {
  CHECK(has_key(mode));
  std::unique_ptr<StoreAccess> made(new StoreAccess(files));
  if (mode == DiscoMode::kConsul) {
    RETURN_IF_ERROR(made->open_consul(config, environment, files, clock));
  } else {
    RETURN_IF_ERROR(made->open_etcd(config, files, clock));
  }
  return made;
}

std::unique_ptr<StoreAccess::View> StoreAccess::view(std::shared_ptr<Pause> pause) {
  return std::make_unique<OwnView>(*plain_, tls_.get(), std::move(pause), make_store_);
}

Status StoreAccess::open_consul(BytesView config, const Environment& environment, FileSystem& files,
                                const Clock& clock) {
  constexpr const char* kContext = "create Consul config";
  const Result<ConsulConfig> parsed = ConsulConfig::parse(config, environment, files);
  if (!parsed.ok()) return parsed.error().with_context(kContext);
  const Result<net::TlsDialer::Options> tls = dialer_options(parsed->tls, files, pem_);
  if (parsed->use_tls && !tls.ok()) return tls.error().with_context(kContext);
  const Status opened =
      open_clients(parsed->use_tls ? &*tls : nullptr, kConsulConnectTimeout, clock);
  if (!opened.ok()) return opened.with_context(kContext);
  make_store_ = [its_config = *parsed](HttpCaller& caller) {
    return std::make_unique<ConsulStore>(its_config, caller);
  };
  return {};
}

Status StoreAccess::open_etcd(BytesView config, FileSystem&, const Clock& clock) {
  constexpr const char* kContext = "create etcd config";
  const Result<EtcdConfig> parsed = EtcdConfig::parse(config);
  if (!parsed.ok()) return parsed.error().with_context(kContext);
  if (!parsed->without_effect.empty()) {
    log("disco",
        "these options of the discovery configuration are about gRPC and have no effect, because "
        "etcd is reached through its HTTP gateway: {}",
        fmt::join(parsed->without_effect, ", "));
  }
  const bool use_tls = std::any_of(parsed->endpoints.begin(), parsed->endpoints.end(),
                                   [](const EtcdConfig::Endpoint& each) { return each.tls; });
  net::TlsDialer::Options tls;
  tls.component = "disco";
  const Status opened = open_clients(use_tls ? &tls : nullptr, parsed->dial_timeout, clock);
  if (!opened.ok()) return opened.with_context(kContext);
  make_store_ = [its_config = *parsed](HttpCaller& caller) {
    return std::make_unique<EtcdStore>(its_config, caller);
  };
  return {};
}

Status StoreAccess::open_clients(const net::TlsDialer::Options* tls, Nanos connect_timeout,
                                 const Clock& clock) {
  net::Client::Options options;
  options.connect_timeout = connect_timeout;
  options.idle_connections_max = 2;  // one for each thread that uses the store
  options.thread_name = "disco-client";
  plain_ = std::make_unique<net::Client>(options);
  if (tls == nullptr) return {};
  Result<std::unique_ptr<net::TlsDialer>> dialer = net::TlsDialer::open(*tls, pem_, clock);
  if (!dialer.ok()) return dialer.error();
  dialer_ = *std::move(dialer);
  options.tls = dialer_.get();
  options.thread_name = "disco-tls";
  tls_ = std::make_unique<net::Client>(options);
  return {};
}

}  // namespace rqlite::discovery
