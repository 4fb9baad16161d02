#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace rqlite::discovery {

// A program of the system that runs beside a test, and ends with this. What it says goes nowhere.
class Daemon {
 public:
  // The path of the first of these files that can be run; empty: none.
  static std::string find(const std::vector<std::string>& paths);

  explicit Daemon(std::vector<std::string> command);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Asks until `ready` holds: a program that is not ours tells nobody when it is up. False: not
  // within half a minute, or it has ended.
  [[nodiscard]] bool await(const std::function<bool()>& ready) const;

 private:
  pid_t process_;
};

// A port of 127.0.0.1 that nobody uses.
int free_port();

}  // namespace rqlite::discovery
