#include "queue/queue_fixture.h"

#include "command/command.h"

namespace rqlite::queue {

void Told::add(std::string line) {
  {
    MutexLock lock(mutex_);
    lines_.push_back(std::move(line));
  }
  changed_.notify_all();
}

std::vector<std::string> Told::lines() {
  MutexLock lock(mutex_);
  return lines_;
}

std::vector<std::string> Told::await(std::size_t count) {
  MutexLock lock(mutex_);
  while (lines_.size() < count) changed_.wait(mutex_);
  return lines_;
}

void ToldWaiter::applied(std::uint64_t, raft::Index, command::RequestResult result) {
  told_.add(name_ + (result.ok() ? " applied" : " applied: " + result.error));
}

void ToldWaiter::failed(std::uint64_t, const Status& why) {
  told_.add(name_ + " failed: " + why.text());
}

std::unique_ptr<Waiter> ToldRoomWaiter::accepted(std::uint64_t) {
  if (tells_all_) told_.add(name_ + " accepted");
  return std::make_unique<ToldWaiter>(told_, name_);
}

void ToldRoomWaiter::refused(const Status& why) { told_.add(name_ + " refused: " + why.text()); }

Bytes encode_request(const std::string& name) {
  Bytes encoded;
  command::RequestBuilder(encoded, {}).begin_statement(name);
  return encoded;
}

std::vector<std::string> names_in(const Bytes& batch) {
  const std::optional<command::Command> command = command::decode_command(batch);
  if (!command) return {"malformed"};
  std::vector<std::string> names;
  for (const BytesView request : command->requests) {
    command::RequestReader reader(request);
    if (!reader.refusal().empty()) {
      names.push_back("(" + std::string(reader.refusal()) + ")");
    } else {
      names.emplace_back(reader.next() ? reader.sql() : "-");
    }
  }
  return names;
}

std::string Sent::names() const {
  std::string all;
  for (const std::string& name : names_in(batch)) all += (all.empty() ? "" : " ") + name;
  return all;
}

std::vector<command::RequestResult> Sent::results(const Errors& errors) const {
  std::vector<command::RequestResult> results;
  for (const std::string& name : names_in(batch)) {
    const auto error = errors.find(name);
    command::RequestResult& result = results.emplace_back();
    if (error != errors.end()) result.error = error->second;
    if (name.front() == '(') result.error = name.substr(1, name.size() - 2);
  }
  return results;
}

void FakeTarget::write(Bytes batch, std::uint64_t epoch, std::uint64_t first,
                       std::unique_ptr<store::Write> write) {
  std::function<void()> what;
  {
    MutexLock lock(mutex_);
    sent_.push_back({std::move(batch), epoch, first, std::move(write), std::nullopt});
    what = during_write_;
  }
  changed_.notify_all();
  if (what) what();
}

void FakeTarget::confirm(raft::Index index, std::unique_ptr<store::Write> write) {
  {
    MutexLock lock(mutex_);
    sent_.push_back({{}, 0, 0, std::move(write), index});
  }
  changed_.notify_all();
}

void FakeTarget::during_write(std::function<void()> what) {
  MutexLock lock(mutex_);
  during_write_ = std::move(what);
}

void FakeTarget::listen(store::StreamListener* listener) {
  MutexLock lock(mutex_);
  listener_ = listener;
}

store::StreamListener* FakeTarget::listener() {
  MutexLock lock(mutex_);
  return listener_;
}

Sent FakeTarget::take() {
  MutexLock lock(mutex_);
  while (sent_.empty()) changed_.wait(mutex_);
  return pop();
}

std::optional<Sent> FakeTarget::try_take() {
  MutexLock lock(mutex_);
  return sent_.empty() ? std::nullopt : std::optional(pop());
}

Sent FakeTarget::pop() {
  Sent first = std::move(sent_.front());
  sent_.pop_front();
  return first;
}

WriteQueueTest::WriteQueueTest(WriteQueue::Limits limits) {
  EXPECT_TRUE(files_.make_directories("/data").ok());
  restart(limits);
}

void WriteQueueTest::restart(WriteQueue::Limits limits, std::uint64_t numbers_block) {
  queue_.reset();
  auto numbers = SequenceNumbers::open(files_, "/data/numbers", clock_, numbers_block);
  EXPECT_TRUE(numbers.ok());
  first_ = numbers->first();
  queue_ = std::make_unique<WriteQueue>(limits, std::move(*numbers), target_, clock_);
}

Code WriteQueueTest::push_encoded(Bytes encoded, std::unique_ptr<Waiter> waiter) {
  return queue_->push(encoded, waiter).status().code();
}

WriteQueue::Left WriteQueueTest::left_behind(std::uint64_t in_doubt, std::uint64_t not_stored,
                                             std::uint64_t persisted) const {
  const std::uint64_t from = first_ + persisted;
  return {.in_doubt = {from, from + in_doubt - 1},
          .not_stored = {from + in_doubt, from + in_doubt + not_stored - 1}};
}

void WriteQueueTest::expect_quiet_for(std::chrono::nanoseconds time) {
  clock_.await_sleeper(clock_.now() + time);
  EXPECT_FALSE(target_.try_take().has_value());
}

void WriteQueueTest::tell_listener(const Sent& sent, const Sent::Errors& errors) {
  target_.listener()->on_stream_applied(sent.epoch, sent.first, raft::Index(1),
                                        sent.results(errors));
}

FullWriteQueueTest::FullWriteQueueTest() {
  for (int i = 0; i < 3; i++) push("flying");
  flight_.emplace(target_.take());
  for (int i = 0; i < 4; i++) push("waiting");
}

}  // namespace rqlite::queue
