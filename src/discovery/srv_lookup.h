#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "discovery/address_lookup.h"
#include "discovery/disco_figures.h"
#include "discovery/dns_config.h"
#include "discovery/resolver.h"

namespace rqlite::discovery {

// Every address of every host that a service's records name is a node, on the record's port.
// Priority and weight do not matter. A target that cannot be resolved fails the whole lookup: a
// list that is short of one node by chance is no basis for founding a cluster.
class SrvLookup final : public AddressLookup {
 public:
  // What is passed by reference must outlive it.
  SrvLookup(SrvConfig config, Resolver& resolver, const Clock& clock);

  Result<std::vector<std::string>> find() override;
  [[nodiscard]] DiscoReport report() const override { return figures_.report(); }

 private:
  Result<std::vector<std::string>> resolve();

  const SrvConfig config_;
  Resolver& resolver_;
  DiscoFigures figures_;
};

}  // namespace rqlite::discovery
