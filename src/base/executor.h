#pragma once

#include <functional>

namespace rqlite {

// Runs work that may block, beside its caller. What is posted runs in order, one at a time.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(std::function<void()> work) = 0;
};

// Runs the work before post() returns: for tests and simulations, where order must repeat, and
// where nothing else is to go on meanwhile.
class InlineExecutor final : public Executor {
 public:
  void post(std::function<void()> work) override { work(); }
};

}  // namespace rqlite
