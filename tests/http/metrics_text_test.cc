#include "http/metrics_text.h"

#include <gtest/gtest.h>

namespace rqlite::http {
namespace {

TEST(MetricsTextTest, EveryMetricHasItsHelpAndItsType) {
  MetricsText text;
  text.gauge("depth", "How deep.", 5);
  text.counter("refused_total", "How many.");
  text.sample(1, "reason=\"full\"");
  text.sample(0.5, "reason=\"other\"");
  EXPECT_EQ(std::move(text).take(),
            "# HELP depth How deep.\n"
            "# TYPE depth gauge\n"
            "depth 5\n"
            "# HELP refused_total How many.\n"
            "# TYPE refused_total counter\n"
            "refused_total{reason=\"full\"} 1\n"
            "refused_total{reason=\"other\"} 0.5\n");
}

TEST(MetricsTextTest, LargeNumbersKeepEveryDigit) {
  MetricsText text;
  text.gauge("n", "N.", 1795356816714303.0);
  EXPECT_NE(std::move(text).take().find("\nn 1795356816714303\n"), Bytes::npos);
}

TEST(MetricsTextTest, AHistogramsBucketsAddUp) {
  constexpr double kBounds[] = {0.5, 1};
  Histogram histogram(kBounds);
  for (const double value : {0.1, 0.2, 0.7, 3.0}) histogram.add(value);
  MetricsText text;
  text.histogram("t_seconds", "Time.", histogram);
  EXPECT_EQ(std::move(text).take(),
            "# HELP t_seconds Time.\n"
            "# TYPE t_seconds histogram\n"
            "t_seconds_bucket{le=\"0.5\"} 2\n"
            "t_seconds_bucket{le=\"1\"} 3\n"
            "t_seconds_bucket{le=\"+Inf\"} 4\n"
            "t_seconds_sum 4\n"
            "t_seconds_count 4\n");
}

}  // namespace
}  // namespace rqlite::http
