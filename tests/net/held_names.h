#pragma once

#include <boost/asio/ip/address.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/lookup.h"

namespace rqlite::net {

// A system that is asked for names, and answers when the test says so.
class HeldNames {
 public:
  // What asks it.
  [[nodiscard]] Lookup::Ask ask() const {
    return [state = state_](const std::string& host) { return state->ask(host); };
  }
  // From now on whoever asks for `host` is told that, as all are who wait.
  void answer(const std::string& host, const std::vector<std::string>& addresses,
              const std::string& error = "") {
    Lookup::Found found{{}, error};
    for (const std::string& each : addresses) {
      found.addresses.push_back(boost::asio::ip::make_address(each));
    }
    MutexLock lock(state_->mutex);
    state_->answers[host] = std::move(found);
    state_->changed.notify_all();
  }
  // Blocks until so many have been asked for, ever.
  void await_asked(std::size_t number) {
    MutexLock lock(state_->mutex);
    while (state_->asked.size() < number) state_->changed.wait(state_->mutex);
  }
  [[nodiscard]] std::vector<std::string> asked() const {
    MutexLock lock(state_->mutex);
    return state_->asked;
  }
  // The most at one time.
  [[nodiscard]] std::size_t at_once_max() const {
    MutexLock lock(state_->mutex);
    return state_->at_once_max;
  }

 private:
  struct State {
    Lookup::Found ask(const std::string& host) {
      MutexLock lock(mutex);
      asked.push_back(host);
      at_once_max = std::max(at_once_max, ++at_once);
      changed.notify_all();
      while (!answers.contains(host)) changed.wait(mutex);
      at_once--;
      return answers[host];
    }

    Mutex mutex;
    CondVar changed;
    std::map<std::string, Lookup::Found> answers GUARDED_BY(mutex);
    std::vector<std::string> asked GUARDED_BY(mutex);
    std::size_t at_once GUARDED_BY(mutex) = 0;
    std::size_t at_once_max GUARDED_BY(mutex) = 0;
  };

  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace rqlite::net
