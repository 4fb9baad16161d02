#include "net/connection_pool.h"

#include <algorithm>
#include <utility>

namespace rqlite::net {

namespace {

// More than any cluster has members. Beyond it, addresses without a connection are forgotten.
constexpr std::size_t kAddressesMax = 256;

}  // namespace

ConnectionPool::ConnectionPool(boost::asio::io_context& io, Limits limits)
    : limits_(limits), sweep_(io) {}

std::unique_ptr<Link> ConnectionPool::take(const std::string& address) {
  const auto found = idle_.find(address);
  if (found == idle_.end()) return nullptr;
  std::unique_ptr<Link> taken;
  std::size_t dead = 0;
  std::deque<Idle>& idle = found->second;
  while (!taken && !idle.empty()) {
    std::unique_ptr<Link> newest = std::move(idle.back().link);
    idle.pop_back();
    if (newest->socket->is_quiet()) {
      taken = std::move(newest);
    } else {
      dead++;
      close(std::move(newest));
    }
  }
  if (idle.empty()) idle_.erase(found);
  count(address, [&](ClientReport& report) {
    report.dead += dead;
    report.open -= dead;
    report.idle -= dead + (taken ? 1 : 0);
  });
  return taken;
}

void ConnectionPool::keep(const std::string& address, std::unique_ptr<Link> link) {
  if (limits_.idle_max == 0) {
    count_end(address);
    return close(std::move(link));
  }
  const TimePoint now = std::chrono::steady_clock::now();
  std::deque<Idle>& idle = idle_[address];
  idle.push_back({std::move(link), now});
  count(address, [](ClientReport& report) { report.idle++; });
  if (idle.size() > limits_.idle_max) drop_oldest(address, idle);
  if (!sweeping_) sweep_later(later(now, limits_.idle_time_max));
}

void ConnectionPool::drop_oldest(const std::string& address, std::deque<Idle>& idle) {
  close(std::move(idle.front().link));
  idle.pop_front();
  count(address, [](ClientReport& report) {
    report.idle--;
    report.open--;
  });
}

void ConnectionPool::close(std::unique_ptr<Link> link) {
  link->socket->say_end_now();
  link->socket->close();
}

void ConnectionPool::clear() {
  for (auto& [address, idle] : idle_) {
    while (!idle.empty()) drop_oldest(address, idle);
  }
  idle_.clear();
  sweep_.cancel();
}

void ConnectionPool::sweep_later(TimePoint when) {
  sweeping_ = true;
  sweep_.expires_at(when);
  sweep_.async_wait([this](const boost::system::error_code& cancelled) {
    sweeping_ = false;
    if (!cancelled) sweep();
  });
}

void ConnectionPool::sweep() {
  const TimePoint now = std::chrono::steady_clock::now();
  TimePoint next = TimePoint::max();
  for (auto each = idle_.begin(); each != idle_.end();) {
    auto& [address, idle] = *each;
    while (!idle.empty() && later(idle.front().since, limits_.idle_time_max) <= now) {
      drop_oldest(address, idle);
    }
    if (!idle.empty()) next = std::min(next, later(idle.front().since, limits_.idle_time_max));
    each = idle.empty() ? idle_.erase(each) : std::next(each);
  }
  if (next != TimePoint::max()) sweep_later(next);
}

void ConnectionPool::count_dial(const std::string& address, bool succeeded) {
  count(address, [&](ClientReport& report) {
    report.dials++;
    (succeeded ? report.open : report.failed_dials)++;
  });
}

void ConnectionPool::count_end(const std::string& address) {
  count(address, [](ClientReport& report) { report.open--; });
}

void ConnectionPool::count_fresh(const std::string& address) {
  count(address, [](ClientReport& report) { report.fresh++; });
}

void ConnectionPool::count_timeout(const std::string& address, bool sending) {
  count(address, [&](ClientReport& report) {
    (sending ? report.send_timeouts : report.receive_timeouts)++;
  });
}

template <typename Change>
void ConnectionPool::count(const std::string& address, Change change) {
  MutexLock lock(mutex_);
  if (counts_.size() >= kAddressesMax && !counts_.contains(address)) {
    std::erase_if(counts_, [](const auto& each) { return each.second.open == 0; });
  }
  ClientReport& report = counts_[address];
  change(report);
}

std::vector<ClientReport> ConnectionPool::report() const {
  MutexLock lock(mutex_);
  std::vector<ClientReport> reports;
  for (const auto& [address, each] : counts_) {
    reports.push_back(each);
    reports.back().address = address;
  }
  return reports;
}

}  // namespace rqlite::net
