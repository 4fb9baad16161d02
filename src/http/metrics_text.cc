#include "http/metrics_text.h"

#include <fmt/format.h>

namespace rqlite::http {

void MetricsText::begin(std::string_view name, std::string_view help, std::string_view type) {
  name_ = name;
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void MetricsText::line(std::string_view suffix, std::string_view labels, double value) {
  text_.append(name_).append(suffix);
  if (!labels.empty()) text_.append("{").append(labels).append("}");
  // The shortest digits that read back as the same number.
  text_ += fmt::format(" {}\n", value);
}

void MetricsText::sample(double value, std::string_view labels) { line({}, labels, value); }

void MetricsText::counter(std::string_view name, std::string_view help, double value) {
  counter(name, help);
  sample(value);
}

void MetricsText::gauge(std::string_view name, std::string_view help, double value) {
  gauge(name, help);
  sample(value);
}

void MetricsText::histogram(std::string_view name, std::string_view help,
                            const Histogram& histogram) {
  begin(name, help, "histogram");
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < histogram.counts().size(); i++) {
    count += histogram.counts()[i];
    const bool last = i == histogram.bounds().size();
    line("_bucket",
         last ? std::string("le=\"+Inf\"") : fmt::format("le=\"{}\"", histogram.bounds()[i]),
         static_cast<double>(count));
  }
  line("_sum", {}, histogram.sum());
  line("_count", {}, static_cast<double>(count));
}

}  // namespace rqlite::http
