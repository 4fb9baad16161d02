#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace rqlite::raft {

// The seeds a random test runs: `count` from 1 on, unless the environment says otherwise with
// RQLITE_SIM_SEEDS (how many) and RQLITE_SIM_FIRST_SEED. Prints which they are.
std::vector<std::uint64_t> seeds(std::uint64_t count);

// Says which seed is running if the process aborts while *this lives: a failed CHECK or a panic
// of the engine knows nothing of it. One at a time.
class CurrentSeed {
 public:
  explicit CurrentSeed(std::uint64_t seed);
  ~CurrentSeed();
  CurrentSeed(const CurrentSeed&) = delete;
  CurrentSeed& operator=(const CurrentSeed&) = delete;
};

}  // namespace rqlite::raft
