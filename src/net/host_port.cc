#include "net/host_port.h"

#include <charconv>

namespace rqlite::net {
namespace {

Status invalid(std::string_view text, std::string_view why) {
  return {Code::kInvalid, "address " + std::string(text) + ": " + std::string(why)};
}

}  // namespace

Result<HostPort> HostPort::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.ends_with(']')) {
    return invalid(text, "missing port in address");
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return invalid(text, "missing ']' in address");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return invalid(text, "too many colons in address");
  }
  if (host.find_first_of("[]") != std::string_view::npos) {
    return invalid(text, "unexpected bracket in address");
  }
  if (host.empty()) return invalid(text, "missing host in address");
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) {
    return invalid(text, "invalid port");
  }
  return HostPort{std::string(host), port};
}

}  // namespace rqlite::net
