#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/result.h"
#include "command/command.h"
#include "store/request_runner.h"
#include "store/writer.h"

namespace rqlite::store {

// Finds out what of a request runs within its time, by running it and rolling it back, before it
// goes into the log: what is too slow is left out there. So the clock of one node decides, once,
// and no replica, nor a restart, measures again. Between the trial and the entry others may write;
// what ran in time once is never interrupted later.
//
// Threads: one, the apply thread's.
class Trial {
 public:
  // `writer` must outlive *this.
  explicit Trial(Writer& writer) : writer_(writer), runner_(writer) {}

  // How many of the request's statements ran before `expired` said yes, which is asked before each
  // and every now and then while it runs; nullopt: all. kInvalid: it cannot be tried, because it
  // controls transactions itself or runs in none; kDeadline: too late already. Precondition: no
  // transaction is open, and neither is one afterwards.
  Result<std::optional<std::uint64_t>> run(BytesView request, const command::Header& header,
                                           const std::function<bool()>& expired);

 private:
  Writer& writer_;
  RequestRunner runner_;
};

}  // namespace rqlite::store
