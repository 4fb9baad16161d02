#include "store/incoming_database.h"

#include <utility>

namespace rqlite::store {

IncomingDatabase::IncomingDatabase(SetAside& set_aside, const std::optional<IncomingFile>& file)
    : set_aside_(set_aside), file_(file) {
  if (file_) set_aside_.expect(file_->file);
}

Result<bool> IncomingDatabase::take(const command::Piece& piece, raft::Term term) {
  if (piece.bytes.empty()) {
    if (file_ && file_->file == piece.file) drop();
    return true;
  }
  if (piece.offset > 0 && file_ != IncomingFile{piece.file, piece.offset, term}) {
    drop();
    return false;
  }
  if (file_ && file_->file != piece.file) drop();
  RETURN_IF_ERROR(set_aside_.write(piece.file, piece.offset, piece.bytes));
  file_ = {piece.file, piece.offset + piece.bytes.size(), term};
  return true;
}

bool IncomingDatabase::is_whole(const command::Replacement& replacement, raft::Term term) const {
  return file_ == IncomingFile{replacement.file, replacement.bytes, term};
}

void IncomingDatabase::passed(raft::Term term) {
  if (file_ && file_->term != term) drop();
}

void IncomingDatabase::drop() {
  if (const auto file = std::exchange(file_, std::nullopt)) set_aside_.let_go(file->file);
}

}  // namespace rqlite::store
