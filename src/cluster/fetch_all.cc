#include "cluster/fetch_all.h"

#include <future>
#include <memory>
#include <utility>

#include "base/clock.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;

constexpr auto kStep = 20ms;  // between two looks for a stop

}  // namespace

std::vector<net::CallResult> fetch_all(net::Client& client, std::vector<net::Call> calls,
                                       std::size_t bytes_max, std::chrono::nanoseconds patience,
                                       const std::function<bool()>& stop_is_wanted) {
  struct UnderWay {
    std::future<net::CallResult> result;
    net::CallHandle handle;
  };
  std::vector<UnderWay> under_way;
  for (net::Call& call : calls) {
    auto promise = std::make_shared<std::promise<net::CallResult>>();
    std::future<net::CallResult> result = promise->get_future();
    net::CallHandle handle =
        client.fetch(std::move(call), bytes_max,
                     [promise](net::CallResult ended) { promise->set_value(std::move(ended)); });
    under_way.push_back({std::move(result), std::move(handle)});
  }
  const TimePoint deadline = later(std::chrono::steady_clock::now(), patience);
  std::vector<net::CallResult> results;
  for (UnderWay& each : under_way) {
    while (each.result.wait_for(kStep) != std::future_status::ready) {
      if (std::chrono::steady_clock::now() >= deadline || stop_is_wanted()) each.handle.give_up();
    }
    results.push_back(each.result.get());
  }
  return results;
}

}  // namespace rqlite::cluster
