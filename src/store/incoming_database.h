#pragma once

#include <optional>

#include "base/result.h"
#include "command/command.h"
#include "store/replicated_state.h"
#include "store/set_aside.h"

namespace rqlite::store {

// The database that is to replace this one and comes through the log piece by piece, so that every
// member has it when the entry is applied that puts it in place.
//
// Decides by what was applied alone, so that all members decide alike: one file comes at a time,
// whole and in order, from one leader in one term. Any other beginning, a gap, or a leader after it
// end what has come.
//
// Threads: one, the apply thread's.
class IncomingDatabase {
 public:
  // `set_aside` must outlive it.
  IncomingDatabase(SetAside& set_aside, const std::optional<IncomingFile>& file);

  // The next piece in the log, of an entry of `term`; it is on the disk once this returned ok.
  // Returns whether it belongs to what came before. Not ok: nothing has changed, and it may be
  // tried again.
  Result<bool> take(const command::Piece& piece, raft::Term term);
  // Whether all of the file has come, and an entry of `term` may put it in place.
  [[nodiscard]] bool is_whole(const command::Replacement& replacement, raft::Term term) const;
  // An entry of `term` was applied.
  void passed(raft::Term term);
  // What has come is of no use any more, or has taken the database's place.
  void drop();

  [[nodiscard]] const std::optional<IncomingFile>& file() const { return file_; }

 private:
  SetAside& set_aside_;
  std::optional<IncomingFile> file_;
};

}  // namespace rqlite::store
