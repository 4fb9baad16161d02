#include "discovery/leader_reporter.h"

#include <optional>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace rqlite::discovery {

LeaderReporter::LeaderReporter(std::string key, LeaderEntry own, Means means)
    : key_(std::move(key)), own_(std::move(own)), value_(own_.to_json()), means_(std::move(means)) {
  CHECK(!own_.is_claim());
}

void LeaderReporter::run() {
  do {
    step();
  } while (means_.sleeper.sleep(kLookInterval));
}

void LeaderReporter::step() {
  if (!means_.leads()) {
    is_announced_ = false;
    last_complaint_.clear();
    return;
  }
  if (!is_announced_ || means_.clock.now() >= next_report_ || must_write_now()) write();
}

bool LeaderReporter::must_write_now() {
  const Result<std::optional<Bytes>> value = means_.store.get(key_);
  means_.figures.count(value.status());
  if (!value.ok()) {
    complain(value.error());
    return false;
  }
  const Result<LeaderEntry> entry = LeaderEntry::parse(value->value_or(""));
  if (entry.ok() && !entry->is_claim()) return false;
  log("disco", "{} {}, although this node leads a cluster: it is written again",
      means_.store.place(key_),
      !*value ? "is gone" : (entry.ok() ? "is claimed by node " + entry->id : "makes no sense"));
  return true;
}

void LeaderReporter::write() {
  const Status status = means_.store.put(key_, value_);
  means_.figures.count(status);
  if (!status.ok()) return complain(status);
  last_complaint_.clear();
  next_report_ = later(means_.clock.now(), kReportInterval);
  if (!std::exchange(is_announced_, true)) {
    log("disco", "updated Leader API address to {} due to leadership change", own_.api_addr);
  }
}

void LeaderReporter::complain(const Status& why) {
  if (std::exchange(last_complaint_, why.text()) == why.text()) return;
  log("disco", "failed to update discovery service with Leader details: {}", why.text());
}

}  // namespace rqlite::discovery
