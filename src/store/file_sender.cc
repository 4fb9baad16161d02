#include "store/file_sender.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace rqlite::store {

// Hears of one piece.
class FileSender::Sent final : public Write {
 public:
  explicit Sent(FileSender& sender) : sender_(sender) { sender_.begin_one(); }
  void applied(raft::Index, std::vector<command::RequestResult>) override { sender_.ended({}); }
  void failed(const Status& why) override { sender_.ended(why); }

 private:
  FileSender& sender_;
};

FileSender::FileSender(FileSystem& files, std::string path, const command::Replacement& file,
                       Propose propose)
    : files_(files), path_(std::move(path)), file_(file), propose_(std::move(propose)) {}

Status FileSender::run() {
  Status status;
  {
    Result<std::unique_ptr<File>> opened = files_.open(path_, FileSystem::Open::kReadOnly);
    if (!opened.ok()) return opened.error();
    for (std::uint64_t at = 0; status.ok() && at < file_.bytes; at += kPieceBytes) {
      status = wait_until_left(kOnTheirWayMax - 1);
      if (status.ok()) status = send(**opened, at);
    }
  }
  if (const Status all = wait_until_left(0); status.ok()) status = all;
  if (status.ok()) return {};

  // Nobody needs to keep what has come. If this cannot be said either, the next leader's first
  // entry says so, or the next file does.
  propose_({.file = file_.file, .offset = 0, .bytes = {}}, std::make_unique<Sent>(*this));
  (void)wait_until_left(0);
  // Only the entry that would have come behind them could have changed anything.
  const Code code = status.code() == Code::kUnknown ? Code::kUnavailable : status.code();
  return Status(code, status.text()).with_context("the database was not loaded");
}

Status FileSender::send(File& file, std::uint64_t offset) {
  Bytes bytes(std::min<std::uint64_t>(kPieceBytes, file_.bytes - offset), '\0');
  const Result<std::size_t> got = file.read(offset, bytes.data(), bytes.size());
  if (!got.ok()) return got.error();
  if (*got != bytes.size()) return {Code::kFailed, path_ + " is shorter than it was"};
  propose_({file_.file, offset, bytes}, std::make_unique<Sent>(*this));
  return {};
}

void FileSender::begin_one() {
  MutexLock lock(mutex_);
  on_their_way_++;
}

void FileSender::ended(const Status& status) {
  MutexLock lock(mutex_);
  on_their_way_--;
  if (failed_.ok()) failed_ = status;
  changed_.notify_one();  // under the lock: run() may end once it sees this
}

Status FileSender::wait_until_left(int count) {
  MutexLock lock(mutex_);
  // Whoever gives up waits for all of them.
  while (on_their_way_ > count && (count == 0 || failed_.ok())) changed_.wait(mutex_);
  return failed_;
}

}  // namespace rqlite::store
