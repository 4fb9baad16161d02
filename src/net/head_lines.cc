#include "net/head_lines.h"

#include <cstring>
#include <string_view>
#include <vector>

namespace rqlite::net {
namespace {

// Of a request line, up to its last digit.
constexpr std::string_view kVersion = " HTTP/1.";

// `end` is that of the request line, whose bytes from `start` on are there.
void settle_version(const char* start, char* end) {
  if (end - start < static_cast<std::ptrdiff_t>(kVersion.size() + 1)) return;
  char& digit = end[-1];
  if (std::string_view(&digit - kVersion.size(), kVersion.size()) != kVersion) return;
  if (digit >= '2' && digit <= '9') digit = '1';
}

}  // namespace

// `first` is what comes next: of a line, if none of it was there before.
void HeadLines::note_start(char first) {
  folded_ = folded_ || (lines_ > 0 && line_bytes_ == 0 && (first == ' ' || first == '\t'));
}

std::optional<std::string> HeadLines::check(char* bytes, std::size_t size, std::size_t seen) {
  std::vector<std::size_t> bare;  // where a CR is missing
  std::size_t at = seen;
  while (!ended_ && at < size) {
    auto* line_end = static_cast<char*>(std::memchr(bytes + at, '\n', size - at));
    if (line_end == nullptr) break;
    const auto end = static_cast<std::size_t>(line_end - bytes);
    note_start(bytes[at]);
    const bool has_cr = (end > at ? bytes[end - 1] : last_) == '\r';
    const std::size_t content = line_bytes_ + (end - at) - (has_cr ? 1 : 0);
    if (!has_cr) bare.push_back(end);
    if (lines_ == 0) settle_version(bytes, line_end - (has_cr && end > 0 ? 1 : 0));
    ended_ = content == 0;
    lines_++;
    bytes_ += end + 1 - at;
    line_bytes_ = 0;
    last_ = '\n';
    at = end + 1;
  }
  if (!ended_ && at < size) {
    note_start(bytes[at]);
    line_bytes_ += size - at;
    bytes_ += size - at;
    last_ = bytes[size - 1];
  }
  if (bare.empty()) return std::nullopt;
  std::string fixed;
  fixed.reserve(size + bare.size());
  std::size_t copied = 0;
  for (const std::size_t end : bare) {
    fixed.append(bytes + copied, end - copied).append("\r");
    copied = end;
  }
  return fixed.append(bytes + copied, size - copied);
}

}  // namespace rqlite::net
