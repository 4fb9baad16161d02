#include "raft/read_rounds.h"

#include <utility>

namespace rqlite::raft {

void ReadRounds::ask(Core& core) {
  if (fresh_.empty()) return;
  rounds_.push_back({++last_number_, std::exchange(fresh_, {})});
  Bytes context;
  append_number(context, last_number_);
  core.read_index(context);
}

void ReadRounds::ask_again(Core& core) {
  // A later confirmation covers all who asked before it, so one round is enough for them all.
  for (Round& round : rounds_) {
    for (std::unique_ptr<Read>& read : round.reads) fresh_.push_back(std::move(read));
  }
  rounds_.clear();
  ask(core);
}

void ReadRounds::confirmed(BytesView context, Index index) {
  if (context.size() != sizeof last_number_) return;  // another member's, gone astray
  const auto number = load_number<std::uint64_t>(context.data());
  while (!rounds_.empty() && rounds_.front().number <= number) {
    Round round = std::move(rounds_.front());
    rounds_.pop_front();
    for (const std::unique_ptr<Read>& read : round.reads) read->ready(index);
  }
}

void ReadRounds::fail_late(const Status& why) {
  std::vector<std::unique_ptr<Read>> late;
  const auto take_from = [&late](std::vector<std::unique_ptr<Read>>& reads) {
    for (std::unique_ptr<Read>& read : reads) {
      if (read->is_late()) late.push_back(std::move(read));
    }
    std::erase(reads, nullptr);
  };
  take_from(fresh_);
  for (Round& round : rounds_) take_from(round.reads);
  for (const std::unique_ptr<Read>& read : late) read->failed(why);
}

void ReadRounds::fail_all(const Status& why) {
  std::vector<std::unique_ptr<Read>> reads = std::exchange(fresh_, {});
  for (Round& round : rounds_) {
    for (std::unique_ptr<Read>& read : round.reads) reads.push_back(std::move(read));
  }
  rounds_.clear();
  for (const std::unique_ptr<Read>& read : reads) read->failed(why);
}

}  // namespace rqlite::raft
