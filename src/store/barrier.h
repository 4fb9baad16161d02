#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "store/write.h"

namespace rqlite::store {

// Waits for an entry that has no results of its own: once it is applied, so is all before it.
class Barrier final : public Write {
 public:
  using Then = std::function<void(const Status&, raft::Index)>;
  explicit Barrier(Then then) : then_(std::move(then)) {}
  void applied(raft::Index index, std::vector<command::RequestResult>) override {
    then_({}, index);
  }
  void failed(const Status& why) override { then_(why, {}); }

 private:
  const Then then_;
};

}  // namespace rqlite::store
