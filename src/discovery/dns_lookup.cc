#include "discovery/dns_lookup.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "discovery/address_text.h"
#include "net/host_port.h"

namespace rqlite::discovery {
namespace {

constexpr const char* kHosts = "RQLITE_DISCO_DNS_HOSTS";

DiscoReport fixed_part(const DnsConfig& config) {
  DiscoReport report;
  report.mode = DiscoMode::kDns;
  report.name = config.name;
  report.port = config.port;
  return report;
}

Result<std::vector<std::string>> hosts_in(const std::string& list) {
  std::vector<std::string> addresses;
  std::size_t start = 0;
  while (start <= list.size()) {
    const std::size_t comma = std::min(list.find(',', start), list.size());
    std::string address = list.substr(start, comma - start);
    start = comma + 1;
    if (!net::HostPort::parse(address).ok()) {
      return Status(Code::kInvalid, std::string(kHosts) + ": invalid address " + address);
    }
    addresses.push_back(std::move(address));
  }
  return addresses;
}

}  // namespace

DnsLookup::DnsLookup(DnsConfig config, Resolver& resolver, Environment environment,
                     const Clock& clock)
    : config_(std::move(config)),
      resolver_(resolver),
      environment_(std::move(environment)),
      figures_(fixed_part(config_), clock) {}

Result<std::vector<std::string>> DnsLookup::find() {
  Result<std::vector<std::string>> found = resolve();
  if (found.ok()) {
    figures_.found(*found);
  } else {
    figures_.count(found.error());
  }
  return found;
}

Result<std::vector<std::string>> DnsLookup::resolve() {
  if (const std::optional<std::string> hosts = environment_(kHosts)) return hosts_in(*hosts);
  const Result<std::vector<std::string>> found = resolver_.addresses_of(config_.name);
  if (!found.ok()) return found.error();
  std::vector<std::string> addresses;
  for (const std::string& ip : *found) addresses.push_back(join_host_port(ip, config_.port));
  tidy(addresses);
  return addresses;
}

}  // namespace rqlite::discovery
