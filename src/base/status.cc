#include "base/status.h"

#include <cerrno>
#include <cstring>

namespace rqlite {

Status Status::with_context(std::string_view what) const {
  if (ok()) return {};
  return {code_, std::string(what) + ": " + text_};
}

Status status_from_errno(std::string_view what, int error) {
  // "No such file or directory" reads better in lower case after a colon.
  char buffer[128];
  std::string text = strerror_r(error, buffer, sizeof buffer);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] += 'a' - 'A';
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return {full ? Code::kDiskFull : Code::kFailed, std::string(what) + ": " + text};
}

}  // namespace rqlite
