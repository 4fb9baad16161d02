#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace rqlite {

// What the caller should do next. Codes are compared, texts never.
enum class Code {
  kOk,
  kInvalid,      // fix the request
  kTooLarge,     // send less at once
  kNotLeader,    // ask the leader
  kNoLeader,     // retry later: nobody leads
  kUnavailable,  // retry later: this node cannot serve now
  kFull,         // retry later: a bound was reached
  kDiskFull,     // retry when there is room on the disk
  kDeadline,     // the caller's time was up; the outcome may be unknown
  kUnknown,      // the outcome is unknown: it may still happen
  kFailed,       // give up: storage failed or is corrupt
};

// The outcome of an operation that may fail because of the world: a code to act on and a text
// to show. An error of ours is a CHECK, a client's error is data in a reply.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string text) : code_(code), text_(std::move(text)) {}

  [[nodiscard]] bool ok() const noexcept { return code_ == Code::kOk; }
  [[nodiscard]] Code code() const noexcept { return code_; }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

  // The same code, with "`what`: " before the text.
  [[nodiscard]] Status with_context(std::string_view what) const;

  friend bool operator==(const Status&, const Status&) = default;

 private:
  Code code_ = Code::kOk;
  std::string text_;
};

// A failed Status for `error` (an errno value): "`what`: no space left on device".
// ENOSPC, EDQUOT and EFBIG are kDiskFull, everything else is kFailed.
Status status_from_errno(std::string_view what, int error);

}  // namespace rqlite
