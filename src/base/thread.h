#pragma once

#include <functional>
#include <optional>
#include <string>
#include <thread>

namespace rqlite {

// A named thread that is joined when it goes: `body` must end by itself once its owner says so.
// Declare it last in its owner, so that it starts after everything it uses.
class Thread {
 public:
  Thread() = default;

  // `name` is what debuggers and `top -H` show: at most 15 bytes.
  Thread(std::string name, std::function<void()> body);
  // The same, or nothing if the system has no room for another thread.
  static std::optional<Thread> try_start(std::string name, std::function<void()> body);
  ~Thread();
  Thread(Thread&&) noexcept = default;
  // Precondition: this one was joined or never started.
  Thread& operator=(Thread&&) noexcept = default;

  // Blocks until the body has ended. Does nothing if it was joined before or never started.
  void join();
  // Lets it go on alone, for as long as it takes: for what waits for something outside that cannot
  // be called off. The body must own all that it touches.
  void detach();

 private:
  std::thread thread_;
};

}  // namespace rqlite
