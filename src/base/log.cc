#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace rqlite {
namespace {

// One sink for every component, so that lines never mix.
spdlog::sinks::stderr_sink_mt& sink() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    made->set_formatter(std::make_unique<spdlog::pattern_formatter>("[%n] %Y/%m/%d %H:%M:%S %v"));
    return made;
  }();
  return *instance;
}

}  // namespace

void log_line(std::string_view component, std::string_view text) {
  sink().log(spdlog::details::log_msg(spdlog::string_view_t(component.data(), component.size()),
                                      spdlog::level::info,
                                      spdlog::string_view_t(text.data(), text.size())));
}

}  // namespace rqlite
