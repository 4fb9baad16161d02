#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/pause.h"
#include "discovery/resolver.h"

namespace rqlite::discovery {

// The system's way to find hosts (/etc/hosts, /etc/resolv.conf and whatever /etc/nsswitch.conf
// names), and its DNS library for services.
//
// The system's calls may take half a minute and cannot be called off. So each runs on a thread of
// its own, which is left to itself when the pause is stopped.
class SystemResolver final : public Resolver {
 public:
  explicit SystemResolver(std::shared_ptr<Pause> pause) : pause_(std::move(pause)) {}

  Result<std::vector<std::string>> addresses_of(const std::string& name) override;
  Result<std::vector<SrvRecord>> services_of(const std::string& name) override;

 private:
  const std::shared_ptr<Pause> pause_;
};

}  // namespace rqlite::discovery
