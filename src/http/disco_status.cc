#include "http/disco_status.h"

#include <utility>
#include <vector>

#include "http/dates.h"

namespace rqlite::http {

JsonTree disco_status(const discovery::DiscoReport& report) {
  JsonTree tree;
  tree["mode"] = JsonTree::text(discovery::text_of(report.mode));
  if (discovery::has_key(report.mode)) {
    tree["register_interval"] = JsonTree::integer(report.register_interval.count());
    tree["report_interval"] = JsonTree::integer(report.report_interval.count());
  } else {
    tree["name"] = JsonTree::text(report.name);
  }
  if (report.mode == discovery::DiscoMode::kDns) tree["port"] = JsonTree::number(report.port);
  if (report.mode == discovery::DiscoMode::kDnsSrv) {
    tree["service"] = JsonTree::text(report.service);
    // With its colon, which clients have come to expect.
    tree["dns_name:"] = JsonTree::text(report.dns_name);
  }
  if (!report.last_error.empty()) tree["last_error"] = JsonTree::text(report.last_error);
  if (report.last_contact) {
    tree["last_contact"] = JsonTree::text(date_of_time(*report.last_contact));
  }
  if (!report.last_addresses.empty()) {
    std::vector<JsonTree> addresses;
    for (const std::string& each : report.last_addresses) addresses.push_back(JsonTree::text(each));
    tree["last_addresses"] = JsonTree::array(std::move(addresses));
  }
  return tree;
}

}  // namespace rqlite::http
