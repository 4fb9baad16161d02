#pragma once

#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/pause.h"
#include "base/result.h"
#include "discovery/client_caller.h"
#include "discovery/disco_mode.h"
#include "discovery/environment.h"
#include "discovery/key_value_store.h"
#include "discovery/pem_files.h"
#include "net/client.h"
#include "net/tls_dialer.h"

namespace rqlite::discovery {

// The way to Consul or etcd: what its settings say, and the HTTP clients that all who use the store
// share.
class StoreAccess {
 public:
  // The error is the text for the user: "create Consul config: …". What is passed must outlive it.
  // Precondition: a mode with a key.
  static Result<std::unique_ptr<StoreAccess>> open(DiscoMode mode, BytesView config,
                                                   const Environment& environment,
                                                   FileSystem& files, const Clock& clock);

  // One thread's view of the store, for as long as the pause is not stopped; it must go before this
  // does.
  class View {
   public:
    virtual ~View() = default;
    virtual KeyValueStore& store() = 0;
  };
  std::unique_ptr<View> view(std::shared_ptr<Pause> pause);

 private:
  explicit StoreAccess(FileSystem& files) : pem_(files) {}
  Status open_consul(BytesView config, const Environment& environment, FileSystem& files,
                     const Clock& clock);
  Status open_etcd(BytesView config, FileSystem& files, const Clock& clock);
  Status open_clients(const net::TlsDialer::Options* tls, Nanos connect_timeout,
                      const Clock& clock);

  // Constant once it is open.
  PemFiles pem_;
  std::function<std::unique_ptr<KeyValueStore>(HttpCaller&)> make_store_;
  std::unique_ptr<net::TlsDialer> dialer_;  // null: nothing is called over TLS
  std::unique_ptr<net::Client> plain_;
  std::unique_ptr<net::Client> tls_;  // null as the dialer is
};

}  // namespace rqlite::discovery
