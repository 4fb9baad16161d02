#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/histogram.h"

namespace rqlite::http {

// Writes metrics in Prometheus' text format, version 0.0.4: a HELP and a TYPE line for each metric,
// then its samples.
class MetricsText {
 public:
  // Begins a metric; what follows are its samples. `help` is one line. A counter's name ends in
  // _total.
  void counter(std::string_view name, std::string_view help) { begin(name, help, "counter"); }
  void gauge(std::string_view name, std::string_view help) { begin(name, help, "gauge"); }

  // A sample of the metric that was begun. `labels` as they are written: `reason="full"`.
  void sample(double value, std::string_view labels = {});

  // A whole metric.
  void counter(std::string_view name, std::string_view help, double value);
  void gauge(std::string_view name, std::string_view help, double value);
  void histogram(std::string_view name, std::string_view help, const Histogram& histogram);

  [[nodiscard]] Bytes take() && { return std::move(text_); }

 private:
  void begin(std::string_view name, std::string_view help, std::string_view type);
  void line(std::string_view suffix, std::string_view labels, double value);

  Bytes text_;
  std::string name_;
};

}  // namespace rqlite::http
