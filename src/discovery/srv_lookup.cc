#include "discovery/srv_lookup.h"

#include <utility>

#include "discovery/address_text.h"

namespace rqlite::discovery {
namespace {

DiscoReport fixed_part(const SrvConfig& config) {
  DiscoReport report;
  report.mode = DiscoMode::kDnsSrv;
  report.name = config.name;
  report.service = config.service;
  report.dns_name = config.dns_name();
  return report;
}

}  // namespace

SrvLookup::SrvLookup(SrvConfig config, Resolver& resolver, const Clock& clock)
    : config_(std::move(config)), resolver_(resolver), figures_(fixed_part(config_), clock) {}

Result<std::vector<std::string>> SrvLookup::find() {
  Result<std::vector<std::string>> found = resolve();
  if (found.ok()) {
    figures_.found(*found);
  } else {
    figures_.count(found.error());
  }
  return found;
}

Result<std::vector<std::string>> SrvLookup::resolve() {
  const Result<std::vector<SrvRecord>> records = resolver_.services_of(config_.dns_name());
  if (!records.ok()) return records.error();
  std::vector<std::string> addresses;
  for (const SrvRecord& record : *records) {
    if (record.target.empty()) {
      return Status(Code::kUnavailable,
                    "lookup " + config_.dns_name() + ": its record says that there is no host");
    }
    // A target is a whole name: the search list of resolv.conf is not for it.
    const Result<std::vector<std::string>> found = resolver_.addresses_of(record.target + ".");
    if (!found.ok()) return found.error();
    for (const std::string& ip : *found) addresses.push_back(join_host_port(ip, record.port));
  }
  tidy(addresses);
  return addresses;
}

}  // namespace rqlite::discovery
