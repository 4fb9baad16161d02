#include "discovery/kv_discovery.h"

#include <utility>

#include "base/check.h"
#include "base/random.h"

namespace rqlite::discovery {
namespace {

DiscoReport fixed_part(DiscoMode mode) {
  DiscoReport report;
  report.mode = mode;
  report.register_interval = Registration::kLookTimeMin;
  report.report_interval = LeaderReporter::kReportInterval;
  return report;
}

std::string key_of(const std::string& cluster) { return cluster + "/leader"; }

}  // namespace

KvDiscovery::KvDiscovery(Options options, Node node, const Clock& clock)
    : options_(std::move(options)),
      node_(std::move(node)),
      clock_(clock),
      register_pause_(std::make_shared<Pause>(clock)),
      report_pause_(std::make_shared<Pause>(clock)),
      figures_(fixed_part(options_.mode), clock) {}

KvDiscovery::~KvDiscovery() {
  stop();
  thread_.join();
}

Result<std::unique_ptr<KvDiscovery>> KvDiscovery::open(Options options, Node node,
                                                       const Environment& environment,
                                                       FileSystem& files, const Clock& clock) {
  std::unique_ptr<KvDiscovery> made(new KvDiscovery(std::move(options), std::move(node), clock));
  Result<std::unique_ptr<StoreAccess>> access =
      StoreAccess::open(made->options_.mode, made->options_.config, environment, files, clock);
  if (!access.ok()) return access.error().with_context("failed to start discovery service");
  made->access_ = *std::move(access);
  made->register_view_ = made->access_->view(made->register_pause_);
  made->report_view_ = made->access_->view(made->report_pause_);
  return made;
}

void KvDiscovery::start_reporting() {
  CHECK(reporter_ == nullptr);
  const Registration::Self& self = options_.self;
  reporter_ = std::make_unique<LeaderReporter>(
      key_of(options_.key), LeaderEntry{self.id, self.api_url, self.raft_address, {}},
      LeaderReporter::Means{report_view_->store(), *report_pause_, figures_, clock_, node_.leads});
  thread_ = Thread("disco", [this] { reporter_->run(); });
}

Status KvDiscovery::register_node() {
  Registration registration(
      key_of(options_.key), options_.self,
      {register_view_->store(), *register_pause_, figures_, node_.join, node_.found},
      Random(random_from_system()));
  return registration.run();
}

void KvDiscovery::stop() {
  register_pause_->stop();
  report_pause_->stop();
}

}  // namespace rqlite::discovery
