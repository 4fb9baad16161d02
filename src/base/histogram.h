#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rqlite {

// How often values of which size occurred: counts in buckets with fixed upper bounds, and their
// sum. Not thread-safe.
class Histogram {
 public:
  // `bounds`, ascending: a value is counted in the first bucket whose bound is not below it, or in
  // one more behind the last.
  explicit Histogram(std::span<const double> bounds)
      : bounds_(bounds.begin(), bounds.end()), counts_(bounds.size() + 1) {}

  // Counts `value`, `times` times.
  void add(double value, std::uint64_t times = 1) {
    std::size_t i = 0;
    while (i < bounds_.size() && value > bounds_[i]) i++;
    counts_[i] += times;
    sum_ += value * static_cast<double>(times);
  }

  [[nodiscard]] const std::vector<double>& bounds() const { return bounds_; }
  // One more than there are bounds.
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] double sum() const { return sum_; }

 private:
  std::vector<double> bounds_;
  std::vector<std::uint64_t> counts_;
  double sum_ = 0;
};

}  // namespace rqlite
