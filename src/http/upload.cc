#include "http/upload.h"

#include <utility>

#include "base/log.h"

namespace rqlite::http {
namespace {

constexpr BytesView kDatabaseHead = "SQLite format";

}  // namespace

Upload::~Upload() {
  if (!file_) return;
  file_.reset();
  // The system takes its time to let go of a large file.
  worker_.post([&files = files_, path = path_] {
    if (Status removed = files.remove(path); !removed.ok()) {
      log("http", "an uploaded file stays: {}", removed.text());
    }
  });
}

bool Upload::is_database() const {
  return size_ > kDatabaseHead.size() && head_.starts_with(kDatabaseHead);
}

bool Upload::keep(BytesView piece) {
  if (file_ || size_ + piece.size() > kMemoryBytes) return false;
  size_ += piece.size();
  head_ += piece;
  return true;
}

void Upload::write(Bytes piece, std::function<void(const Status&)> done) {
  if (keep(piece)) return done({});
  worker_.post([self = shared_from_this(), piece = std::move(piece), done = std::move(done)] {
    done(self->append(piece));
  });
}

Status Upload::append(BytesView piece) {
  if (!file_) {
    Result<std::unique_ptr<File>> made = files_.open(path_, FileSystem::Open::kCreateOrTruncate);
    if (!made.ok()) return made.error();
    file_ = std::move(*made);
    RETURN_IF_ERROR(file_->write(0, head_));
  }
  RETURN_IF_ERROR(file_->write(size_, piece));
  size_ += piece.size();
  return {};
}

Result<Bytes> Upload::content(std::size_t bytes_max) {
  if (size_ > bytes_max) return Status(Code::kTooLarge, "the text is too large");
  if (!file_) return std::exchange(head_, {});
  return files_.read_file(path_);
}

Result<std::string> Upload::take_file() {
  if (!file_) {
    if (Status status = append({}); !status.ok()) return status;
  }
  file_.reset();
  return path_;
}

}  // namespace rqlite::http
