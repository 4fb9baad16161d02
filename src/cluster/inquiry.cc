#include "cluster/inquiry.h"

#include <optional>
#include <string>
#include <string_view>

namespace rqlite::cluster {
namespace {

constexpr std::size_t kIdentityBytesMax = 64 << 10;

Result<NodeIdentity> who_answered(const std::string& address, const net::CallResult& result) {
  if (!result.response.ok()) {
    std::string_view why = result.response.error().text();
    constexpr std::string_view kDialing = "dial tcp: ";
    if (why.starts_with(kDialing) && why.substr(kDialing.size()).starts_with("lookup ")) {
      why.remove_prefix(kDialing.size());
      return Status(Code::kUnavailable, "failed to resolve " + address + ": " + std::string(why));
    }
    return Status(Code::kUnavailable,
                  "node at " + address + " cannot be reached: " + result.response.error().text());
  }
  std::optional<NodeIdentity> identity = decode_node_identity(result.response->body);
  if (result.response->status == 200 && identity) return std::move(*identity);
  return Status(Code::kUnavailable, "node at " + address + " does not say who it is");
}

}  // namespace

const Result<NodeIdentity>* Inquiry::who_is_at(const std::string& address, TimePoint since) {
  MutexLock lock(mutex_);
  const auto found = found_.find(address);
  if (found != found_.end() && found->second.at >= since) return &found->second.who;
  wanted_.insert(address);
  return nullptr;
}

bool Inquiry::take(const std::string& address, Result<NodeIdentity> who, TimePoint at) {
  MutexLock lock(mutex_);
  found_.insert_or_assign(address, Found{std::move(who), at});
  return --unanswered_ == 0;
}

void Inquiry::ask(const std::shared_ptr<Inquiry>& inquiry, net::Client& client, const Clock& clock,
                  std::chrono::nanoseconds timeout, std::function<void()> then) {
  const std::set<std::string> addresses = std::exchange(inquiry->wanted_, {});
  {
    MutexLock lock(inquiry->mutex_);
    inquiry->unanswered_ = addresses.size();
  }
  for (const std::string& address : addresses) {
    (void)client.fetch({.address = address,
                        .target = std::string(kIdentityPath),
                        .timeout = timeout,
                        .connect_timeout = timeout,
                        // A kept connection that has ended would make a live node a dead one.
                        .fresh = true},
                       kIdentityBytesMax,
                       [inquiry, address, &clock, then](const net::CallResult& result) {
                         if (inquiry->take(address, who_answered(address, result), clock.now())) {
                           then();
                         }
                       });
  }
}

}  // namespace rqlite::cluster
