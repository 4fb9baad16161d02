#pragma once

#include <cstdint>

namespace rqlite {

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
// Small, fast, good enough for seeds, jitter and tests; not for secrets.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }

  // In [0, bound). Precondition: bound > 0. The bias of the modulo does not matter here.
  std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }

  bool chance(double probability) noexcept {
    return static_cast<double>(next() >> 11) * 0x1.0p-53 < probability;
  }

 private:
  std::uint64_t state_;
};

// 64 bits from the operating system, for identities and seeds. Never fails once the system is up.
std::uint64_t random_from_system();

}  // namespace rqlite
