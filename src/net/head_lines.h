#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace rqlite::net {

// Brings the head of a request, while it arrives, into the one form that our parser takes: lines
// may end in a bare LF, which gets its CR, and HTTP/1.2 and above are HTTP/1.1 to us. Where the
// head ends, it ends too: a body stays as it is. And finds lines that go on with the one before:
// nobody writes them any more, and servers on the way do not agree on what they mean.
class HeadLines {
 public:
  // Looks at what has arrived: `bytes`, of which the first `seen` were there, and looked at, at the
  // last call. Changes what can be changed in place. Otherwise returns all of them anew.
  std::optional<std::string> check(char* bytes, std::size_t size, std::size_t seen);
  // Whether a line of the head goes on with the one before.
  [[nodiscard]] bool is_folded() const { return folded_; }
  // How much of the head has arrived: bytes as they came, and lines that are complete.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t lines() const { return lines_; }

 private:
  void note_start(char first);

  bool ended_ = false;  // the head
  bool folded_ = false;
  std::size_t bytes_ = 0;
  std::size_t lines_ = 0;
  std::size_t line_bytes_ = 0;  // of the line that is not complete
  char last_ = 0;               // byte
};

}  // namespace rqlite::net
