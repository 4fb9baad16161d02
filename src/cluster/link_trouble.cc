#include "cluster/link_trouble.h"

#include <utility>

namespace rqlite::cluster {

bool LinkTrouble::failed(const std::string& why, bool is_refusal, TimePoint now) {
  if (!std::exchange(is_failing_, true)) since_ = now;
  if (why == told_) return false;
  const bool is_due =
      told_.empty() ? now - since_ >= options_.patience : now - told_at_ >= options_.pause;
  if (!is_due && !is_refusal) return false;
  told_ = why;
  told_at_ = now;
  return true;
}

bool LinkTrouble::over() {
  is_failing_ = false;
  return !std::exchange(told_, {}).empty();
}

}  // namespace rqlite::cluster
