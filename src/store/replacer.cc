#include "store/replacer.h"

#include <chrono>
#include <utility>

#include "store/barrier.h"
#include "store/file_sender.h"

namespace rqlite::store {
namespace {

// How often to say that no more of a file will come.
constexpr std::chrono::seconds kGiveUpEvery{1};

}  // namespace

void Replacer::replace(const std::string& path, bool has_other_members,
                       std::unique_ptr<Write> write) {
  command::Replacement replacement;
  if (Status taken = set_aside_.take(path, replacement); !taken.ok()) return write->failed(taken);
  using Way = ReplacementWrite::Way;
  if (!has_other_members) return put(replacement, Way::kAside, std::move(write));
  // The log takes one file at a time, and a second one would end the first.
  Status sent(Code::kUnavailable, "another database is being loaded");
  const bool is_alone = !is_sending_.exchange(true);
  if (is_alone) sent = send_to_members(replacement);
  if (!sent.ok()) {
    set_aside_.let_go(replacement.file);
    if (is_alone) is_sending_ = false;
    return write->failed(sent);
  }
  put(replacement, Way::kPieces, std::move(write));
}

void Replacer::put(const command::Replacement& replacement, ReplacementWrite::Way way,
                   std::unique_ptr<Write> write) {
  const auto ended = [this, way] {
    if (way == ReplacementWrite::Way::kPieces) is_sending_ = false;
  };
  log_.put(replacement, std::make_unique<ReplacementWrite>(set_aside_, replacement, way, ended,
                                                           std::move(write)));
}

Status Replacer::send_to_members(const command::Replacement& replacement) {
  FileSender sender(files_, paths_.set_aside(replacement.file), replacement,
                    [this](const command::Piece& piece, std::unique_ptr<Write> write) {
                      log_.put(piece, std::move(write));
                    });
  return sender.run();
}

void Replacer::give_up_orphan(const std::optional<IncomingFile>& incoming) {
  if (!incoming || is_sending_) return;
  const TimePoint now = clock_.now();
  if (now < next_give_up_) return;
  next_give_up_ = later(now, kGiveUpEvery);
  log_.put(command::Piece{incoming->file, 0, {}},
           std::make_unique<Barrier>([](const Status&, raft::Index) {}));
}

}  // namespace rqlite::store
