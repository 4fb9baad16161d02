#include "http/upload.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace rqlite::http {
namespace {

constexpr BytesView kDatabaseHead = "SQLite format";
constexpr std::size_t kReadBytes = 256 << 10;

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

void Upload::read(std::uint64_t offset, std::function<void(Result<Bytes>)> then) {
  if (!file_) {
    const std::size_t at = static_cast<std::size_t>(std::min<std::uint64_t>(offset, head_.size()));
    return then(Bytes(BytesView(head_).substr(at)));
  }
  worker_.post([self = shared_from_this(), offset, then = std::move(then)] {
    Bytes piece(kReadBytes, '\0');
    const Result<std::size_t> got = self->file_->read(offset, piece.data(), piece.size());
    if (!got.ok()) return then(got.error());
    piece.resize(*got);
    then(std::move(piece));
  });
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
