#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"
#include "rqlited/node.h"
#include "rqlited/options.h"
#include "rqlited/process_status.h"
#include "rqlited/version.h"

namespace rqlite::rqlited {
namespace {

constexpr const char* kBanner = R"(
            _ _ _
  _ __ __ _| (_) |_ ___   _     _
 | '__/ _` | | | __/ _ \_| |_ _| |_
 | | | (_| | | | ||  __/_   _|_   _|
 |_|  \__, |_|_|\__\___| |_|   |_|
         |_|
)";

// SIGINT and SIGTERM are taken from the first instant on: they wait until main() asks for them.
sigset_t block_stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  // A client that goes away while it is written to is no reason to die.
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

int wait_for(const sigset_t& signals) {
  int number = 0;
  while (sigwait(&signals, &number) != 0) {
  }
  return number;
}

void say_received(int number) {
  log("rqlited", "received signal \"{}\"", number == SIGINT ? "interrupt" : "terminated");
}

// With a credentials file, a hangup means to read it again; without, it ends the process, as it
// would without us.
sigset_t block_hangup_too(sigset_t signals, const Options& options) {
  if (options.auth.empty()) return signals;
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGHUP, SIG_DFL);  // one that is ignored, as under nohup, would never come
  return signals;
}

void serve_until_stop(Node& node, const sigset_t& signals) {
  int number = wait_for(signals);
  for (; number == SIGHUP; number = wait_for(signals)) node.reload();
  say_received(number);
}

// A stop is bounded, so the first signal is enough; the others are heard, and no more.
void hear_further(const sigset_t& signals) {
  std::thread([signals] {
    while (true) say_received(wait_for(signals));
  }).detach();
}

void say_hello(const std::vector<std::string>& arguments, const Options& options) {
  std::fputs(kBanner, stdout);
  std::fflush(stdout);
  log("rqlited",
      "rqlited starting, version {}, SQLite {}, commit {}, compiler (toolchain) {}, "
      "compiler (command) {}",
      kVersion, sqlite_version(), kCommit, compiler(), compiler());
  log("rqlited", "c++20, target architecture is {}, operating system target is linux",
      architecture());
  std::string command;
  for (const std::string& argument : arguments) command += (command.empty() ? "" : " ") + argument;
  log("rqlited", "launch command: {}", command);
  for (const std::string& text : options.warnings()) log("rqlited", "WARNING: {}", text);
}

// A large buffer, as of a log segment that is read at start, goes back to the system when it is
// freed; by default, glibc would keep the next ones of its size.
void give_back_large_buffers() { mallopt(M_MMAP_THRESHOLD, 1 << 20); }

int run(const std::vector<std::string>& arguments) {
  give_back_large_buffers();
  const sigset_t signals = block_stop_signals();
  if (arguments.size() < 2) {
    log("rqlited", "failed to parse command-line flags: missing required argument: DataPath");
    return 1;
  }
  const CommandLine line =
      parse_command_line({arguments.begin() + 1, arguments.end()}, version_line());
  if (!line.run) {
    std::fputs(line.output.c_str(), stderr);
    return line.exit_code;
  }
  const sigset_t all_signals = block_hangup_too(signals, line.options);
  say_hello(arguments, line.options);
  std::optional<Node> node(line.options);
  const auto stop_is_wanted = [&signals] {
    sigset_t pending;
    sigpending(&pending);
    return (sigismember(&signals, SIGINT) == 1 && sigismember(&pending, SIGINT) == 1) ||
           (sigismember(&signals, SIGTERM) == 1 && sigismember(&pending, SIGTERM) == 1);
  };
  Status status = node->start(stop_is_wanted);
  if (node->was_removed()) {
    log("rqlited", "this node was removed from its cluster, and joins it as a new one");
    node->stop(false);
    node.emplace(line.options);
    status = node->start(stop_is_wanted);
  }
  if (!status.ok()) {
    const bool was_told = stop_is_wanted();
    if (was_told) say_received(wait_for(signals));
    hear_further(signals);
    // It may have served for long, as a member that looks for others does.
    node->stop(was_told);
    log_line("rqlited", status.text());
    return 1;
  }
  serve_until_stop(*node, all_signals);
  hear_further(signals);
  const bool all_stored = node->stop(true);
  log("rqlited", "rqlite server stopped");
  return all_stored ? 0 : 1;
}

}  // namespace
}  // namespace rqlite::rqlited

int main(int argc, char** argv) {
  return rqlite::rqlited::run(std::vector<std::string>(argv, argv + argc));
}
