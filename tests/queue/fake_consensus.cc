#include "queue/fake_consensus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "queue/queue_fixture.h"

namespace rqlite::queue {
namespace {

using store::StreamTable;

constexpr const char* kNodeId = "node";

constexpr raft::RaftId kMember(1);

std::optional<raft::RaftId> member_of(std::string_view node_id) {
  return node_id == kNodeId ? std::optional(kMember) : std::nullopt;
}

command::StreamPlace place_of(std::uint64_t epoch, std::uint64_t first) {
  return {kNodeId, epoch, first, kMember.value()};
}

// What a request does: the same wherever it is executed.
command::RequestResult result_of(std::uint64_t number, const std::string& name) {
  command::RequestResult result;
  if (number % 5 == 0 || name.front() == '(') result.error = "failed: " + name;
  return result;
}

// Whoever waits hears one verdict: the first.
std::function<void()> to_fail(const std::shared_ptr<std::unique_ptr<store::Write>>& waiting,
                              Code code) {
  return [waiting, code] {
    if (*waiting) std::exchange(*waiting, nullptr)->failed({code, "because"});
  };
}

}  // namespace

void FakeConsensus::write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
                          std::unique_ptr<store::Write> write) {
  Code code = Code::kOk;
  {
    MutexLock lock(mutex_);
    if (leaderless_ > 0 || random_.chance(faults_.refused)) {
      constexpr Code kCodes[] = {Code::kNoLeader, Code::kNotLeader, Code::kUnavailable,
                                 Code::kDiskFull, Code::kFull};
      code = kCodes[random_.below(std::size(kCodes))];
    } else if (random_.chance(faults_.hopeless)) {
      code = random_.chance(0.5) ? Code::kTooLarge : Code::kInvalid;
    }
    const auto waiting = std::make_shared<std::unique_ptr<store::Write>>(std::move(write));
    if (code == Code::kOk) return append({epoch, first, names_in(batch), waiting});
    if (random_.chance(0.5)) return raft_says_.push_back(to_fail(waiting, code));
    write = std::move(*waiting);
  }
  write->failed({code, "because"});
}

void FakeConsensus::confirm(raft::Index index, std::unique_ptr<store::Write> write) {
  {
    MutexLock lock(mutex_);
    EXPECT_LE(index.value(), applied_here_);
    if (leaderless_ == 0 && !random_.chance(faults_.refused)) {
      questions_.push_back(
          {index, std::make_shared<std::unique_ptr<store::Write>>(std::move(write))});
      return answer_questions();
    }
  }
  write->failed({Code::kNoLeader, "because"});
}

void FakeConsensus::answer_questions() {
  std::deque<Question> open;
  for (Question& each : questions_) {
    if (each.index.value() > applied_) {
      open.push_back(std::move(each));
      continue;
    }
    apply_says_.emplace_back([each] {
      if (*each.waiting) std::exchange(*each.waiting, nullptr)->applied(each.index, {});
    });
  }
  questions_ = std::move(open);
}

void FakeConsensus::append(Entry entry) {
  if (random_.chance(faults_.repeated)) {
    copies_.push_back({entry.epoch, entry.first, entry.names, nullptr});
  }
  log_.push_back(std::move(entry));
}

void FakeConsensus::listen(store::StreamListener* listener) {
  MutexLock lock(listener_mutex_);
  listener_ = listener;
}

void FakeConsensus::step() {
  Saying say;
  {
    MutexLock lock(mutex_);
    if (leaderless_ > 0) leaderless_--;
    if (random_.chance(faults_.leader_lost)) return lose_leader();
    if (random_.chance(faults_.stalled)) return stall();
    switch (random_.below(12)) {
      case 0:
        return repeat();
      case 1:
      case 2:
        return commit();
      case 3:
      case 4:
        return apply();
      case 5:
      case 6:
        say = take(raft_says_);
        break;
      case 7:
      case 8:
        return apply_here();
      case 9:
        say = take(here_says_);
        break;
      default:
        say = take(apply_says_);
    }
  }
  if (say) say();
}

void FakeConsensus::heal() {
  MutexLock lock(mutex_);
  faults_ = {0, 0, 0, 0, 0, 0};
  leaderless_ = 0;
}

void FakeConsensus::settle() {
  for (;;) {
    Saying say;
    {
      MutexLock lock(mutex_);
      while (!copies_.empty()) repeat();
      while (committed_ < log_.size()) commit();
      while (applied_ < log_.size()) apply();
      while (applied_here_ < log_.size()) apply_here();
      say = take(raft_says_);
      if (!say) say = take(here_says_);
      if (!say) say = take(apply_says_);
    }
    if (!say) return;
    say();
  }
}

FakeConsensus::Saying FakeConsensus::take(std::deque<Saying>& says) {
  if (says.empty()) return nullptr;
  Saying first = std::move(says.front());
  says.pop_front();
  return first;
}

void FakeConsensus::commit() {
  if (committed_ == log_.size()) return;
  const Entry& entry = log_[committed_++];
  const raft::Index index(committed_);
  const command::StreamPlace place = place_of(entry.epoch, entry.first);
  if (promised_.admit(place, entry.names.size(), index, member_of) ==
      StreamTable::Admission::kNew) {
    (void)promised_.applied(place, index, std::vector<command::RequestResult>(entry.names.size()));
    durable_to_ = entry.first + entry.names.size() - 1;
  }
  if (!entry.waiting || random_.chance(faults_.silent)) return;
  raft_says_.emplace_back([waiting = entry.waiting] {
    if (*waiting) (*waiting)->committed();
  });
}

void FakeConsensus::apply() {
  if (applied_ == committed_) return;
  const Entry entry = log_[applied_++];
  answer_questions();
  const raft::Index index(applied_);
  const command::StreamPlace place = place_of(entry.epoch, entry.first);
  const StreamTable::Admission admission =
      table_.admit(place, entry.names.size(), index, member_of);
  if (admission == StreamTable::Admission::kEarly || admission == StreamTable::Admission::kLate) {
    const Code code = comes_again(entry, log_.size()) ? Code::kUnknown : Code::kUnavailable;
    if (entry.waiting) apply_says_.push_back(to_fail(entry.waiting, code));
    return;
  }
  const bool is_new = admission == StreamTable::Admission::kNew;
  // Shared, because functions are copied about.
  auto results = std::make_shared<std::vector<command::RequestResult>>(
      is_new ? execute(entry) : results_before(entry));
  if (is_new) (void)table_.applied(place, index, *results);
  if (!entry.waiting) return;
  apply_says_.emplace_back([waiting = entry.waiting, index, results] {
    if (*waiting) std::exchange(*waiting, nullptr)->applied(index, std::move(*results));
  });
}

void FakeConsensus::apply_here() {
  if (applied_here_ == committed_) return;
  const Entry& entry = log_[applied_here_++];
  const raft::Index index(applied_here_);
  const command::StreamPlace place = place_of(entry.epoch, entry.first);
  if (here_.admit(place, entry.names.size(), index, member_of) != StreamTable::Admission::kNew) {
    return;
  }
  auto results = std::make_shared<std::vector<command::RequestResult>>();
  for (std::size_t i = 0; i < entry.names.size(); i++) {
    results->push_back(result_of(entry.first + i, entry.names[i]));
  }
  (void)here_.applied(place, index, *results);
  here_says_.emplace_back(
      [this, entry, index, results] { tell_listener(entry, index, std::move(*results)); });
}

void FakeConsensus::tell_listener(const Entry& entry, raft::Index index,
                                  std::vector<command::RequestResult> results) {
  MutexLock lock(listener_mutex_);
  if (listener_ == nullptr) return;
  listener_->on_stream_applied(entry.epoch, entry.first, index, std::move(results));
}

std::vector<command::RequestResult> FakeConsensus::execute(const Entry& entry) {
  std::vector<command::RequestResult> results;
  std::uint64_t number = entry.first;
  for (const std::string& name : entry.names) {
    EXPECT_EQ(number, executed_.empty() ? entry.epoch : executed_.back().number + 1);
    results.push_back(result_of(number, name));
    executed_.push_back({number, name, results.back().error});
    number++;
  }
  return results;
}

// As the real store finds them.
std::vector<command::RequestResult> FakeConsensus::results_before(const Entry& entry) {
  std::vector<command::RequestResult> results(entry.names.size());
  for (std::size_t i = 0; i < results.size(); i++) {
    const StreamTable::Verdict verdict = table_.verdict(kNodeId, entry.first + i);
    EXPECT_NE(verdict.state, StreamTable::Verdict::State::kUnknown);
    if (verdict.state != StreamTable::Verdict::State::kFailed) continue;
    results[i] = std::move(*command::decode_result(verdict.result));
  }
  return results;
}

void FakeConsensus::repeat() {
  if (copies_.empty()) return;
  const auto copy = copies_.begin() + static_cast<std::ptrdiff_t>(random_.below(copies_.size()));
  log_.push_back(std::move(*copy));
  copies_.erase(copy);
}

bool FakeConsensus::comes_again(const Entry& entry, std::size_t end) const {
  auto is_copy = [&](const Entry& each) { return !each.waiting && each.first == entry.first; };
  return std::any_of(copies_.begin(), copies_.end(), is_copy) ||
         std::any_of(log_.begin() + static_cast<std::ptrdiff_t>(applied_),
                     log_.begin() + static_cast<std::ptrdiff_t>(end), is_copy);
}

// Whatever is not committed may get lost, but for a first part of it.
void FakeConsensus::lose_leader() {
  const std::size_t left = committed_ + random_.below(log_.size() - committed_ + 1);
  for (std::size_t i = committed_; i < log_.size(); i++) {
    if (!log_[i].waiting) continue;
    const bool known = i >= left && !comes_again(log_[i], left) && random_.chance(0.3);
    raft_says_.push_back(to_fail(log_[i].waiting, known ? Code::kNotLeader : Code::kUnknown));
  }
  while (log_.size() > left) log_.pop_back();
  for (const Question& each : questions_) {
    raft_says_.push_back(to_fail(each.waiting, Code::kUnknown));
  }
  questions_.clear();
  leaderless_ = random_.below(10);
}

void FakeConsensus::stall() {
  for (std::size_t i = applied_; i < committed_; i++) {
    if (log_[i].waiting) apply_says_.push_back(to_fail(log_[i].waiting, Code::kUnknown));
  }
}

std::vector<FakeConsensus::Executed> FakeConsensus::executed() {
  MutexLock lock(mutex_);
  return executed_;
}

std::uint64_t FakeConsensus::executed_to() {
  MutexLock lock(mutex_);
  return executed_.empty() ? 0 : executed_.back().number;
}

std::uint64_t FakeConsensus::durable_to() {
  MutexLock lock(mutex_);
  return durable_to_;
}

}  // namespace rqlite::queue
