// The head of a request, in pieces of the size that the first byte says and as a whole.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/head_lines.h"

namespace {

using rqlite::net::HeadLines;

std::string seen(std::string_view text, std::size_t piece, HeadLines& lines) {
  std::string waiting;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const std::size_t before = waiting.size();
    waiting += text.substr(at, piece);
    if (auto fixed = lines.check(waiting.data(), waiting.size(), before)) waiting = *fixed;
  }
  return waiting;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  HeadLines whole;
  HeadLines pieces;
  const std::string at_once = seen(text, text.size() + 1, whole);
  CHECK(at_once == seen(text, 1 + data[0], pieces));
  CHECK(whole.is_folded() == pieces.is_folded());
  CHECK(whole.bytes() == pieces.bytes() && whole.bytes() <= text.size());
  CHECK(whole.lines() == pieces.lines());
  // No line of the head ends in a bare LF any more.
  const std::size_t end = at_once.find("\r\n\r\n");
  const std::string_view head = std::string_view(at_once).substr(0, end);
  for (std::size_t at = head.find('\n'); at != std::string_view::npos;
       at = head.find('\n', at + 1)) {
    CHECK(at > 0 && (head[at - 1] == '\r' || at_once.starts_with("\r\n")));
  }
  return 0;
}
