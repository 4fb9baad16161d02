#include "raft/seeds.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>

namespace rqlite::raft {
namespace {

// Made before it is needed: little may be called while the process aborts.
std::string aborted_text;
std::atomic<bool> running = false;

void on_abort(int) {
  if (running) (void)!::write(STDERR_FILENO, aborted_text.data(), aborted_text.size());
  std::signal(SIGABRT, SIG_DFL);
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

}  // namespace

std::vector<std::uint64_t> seeds(std::uint64_t count) {
  const std::uint64_t first = from_environment("RQLITE_SIM_FIRST_SEED", 1);
  std::vector<std::uint64_t> all(from_environment("RQLITE_SIM_SEEDS", count));
  for (std::uint64_t i = 0; i < all.size(); i++) all[i] = first + i;
  if (!all.empty()) fmt::print("seeds {} to {}\n", all.front(), all.back());
  return all;
}

CurrentSeed::CurrentSeed(std::uint64_t seed) {
  aborted_text = fmt::format("aborted with seed {}\n", seed);
  running = true;
  std::signal(SIGABRT, on_abort);
}

CurrentSeed::~CurrentSeed() {
  running = false;
  std::signal(SIGABRT, SIG_DFL);
}

}  // namespace rqlite::raft
