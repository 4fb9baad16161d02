#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "discovery/address_lookup.h"
#include "discovery/disco_figures.h"
#include "discovery/dns_config.h"
#include "discovery/environment.h"
#include "discovery/resolver.h"

namespace rqlite::discovery {

// Every address of a name is a node, on one port.
//
// The environment variable RQLITE_DISCO_DNS_HOSTS, a list "host:port,host:port", takes the place of
// the name service: its elements are what is found, in their order.
class DnsLookup final : public AddressLookup {
 public:
  // What is passed by reference must outlive it.
  DnsLookup(DnsConfig config, Resolver& resolver, Environment environment, const Clock& clock);

  Result<std::vector<std::string>> find() override;
  [[nodiscard]] DiscoReport report() const override { return figures_.report(); }

 private:
  Result<std::vector<std::string>> resolve();

  const DnsConfig config_;
  Resolver& resolver_;
  const Environment environment_;
  DiscoFigures figures_;
};

}  // namespace rqlite::discovery
