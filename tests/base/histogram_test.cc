#include "base/histogram.h"

#include <gtest/gtest.h>

namespace rqlite {
namespace {

TEST(HistogramTest, CountsEachValueInTheFirstBucketThatHoldsIt) {
  constexpr double kBounds[] = {1, 2.5, 10};
  Histogram histogram(kBounds);
  for (const double value : {0.0, 1.0, 1.1, 2.5, 9.0, 10.1, 1e9}) histogram.add(value);
  histogram.add(3, 4);
  EXPECT_EQ(histogram.counts(), (std::vector<std::uint64_t>{2, 2, 5, 2}));
  EXPECT_DOUBLE_EQ(histogram.sum(), 0 + 1 + 1.1 + 2.5 + 9 + 10.1 + 1e9 + 12);
}

}  // namespace
}  // namespace rqlite
