#include "raft/driver_fixture.h"

#include <utility>

namespace rqlite::raft {
namespace {

class TestProposal final : public Proposal {
 public:
  TestProposal(Bytes data, std::shared_ptr<Outcome> outcome)
      : data_(std::move(data)), outcome_(std::move(outcome)) {}
  [[nodiscard]] BytesView data() const override { return data_; }
  void failed(const Status& why) override { outcome_->codes.push_back(why.code()); }
  void applied(Index index) {
    outcome_->codes.push_back(Code::kOk);
    outcome_->index = index;
  }

 private:
  const Bytes data_;
  const std::shared_ptr<Outcome> outcome_;
};

class TestRead final : public Read {
 public:
  explicit TestRead(std::shared_ptr<Outcome> outcome) : outcome_(std::move(outcome)) {}
  void failed(const Status& why) override { outcome_->codes.push_back(why.code()); }
  void ready(Index index) override {
    outcome_->codes.push_back(Code::kOk);
    outcome_->index = index;
  }

 private:
  const std::shared_ptr<Outcome> outcome_;
};

class ToBuilder final : public LogReplay {
 public:
  explicit ToBuilder(Core::Builder& builder) : builder_(builder) {}
  void entry(const EntryView& entry) override { builder_.entry(entry); }
  void restart() override { builder_.restart(); }

 private:
  Core::Builder& builder_;
};

}  // namespace

std::unique_ptr<Proposal> make_proposal(Bytes data, std::shared_ptr<Outcome> outcome) {
  return std::make_unique<TestProposal>(std::move(data), std::move(outcome));
}

void FakeTransport::send(RaftId to, bool is_snapshot, BytesView message) {
  sent.push_back({to, is_snapshot, decode_message(message), files_.operations()});
}

std::vector<FakeTransport::Sent> FakeTransport::of(PeerMessage::Type type) const {
  std::vector<Sent> found;
  for (const Sent& each : sent) {
    if (each.message.type == type) found.push_back(each);
  }
  return found;
}

void FakeMachine::apply(std::vector<Committed> entries) {
  batches.push_back(entries.size());
  for (Committed& entry : entries) {
    handed.push_back({entry.index, entry.term, entry.kind, Bytes(entry.payload()), entry.conf_state,
                      entry.context, entry.proposal != nullptr});
    if (entry.proposal) static_cast<TestProposal&>(*entry.proposal).applied(entry.index);
  }
}

Status FakeMachine::restore(const Snapshot& snapshot) {
  if (restore_fails.ok()) restored.push_back(snapshot);
  return restore_fails;
}

std::string FakeMachine::data() const {
  std::string all;
  for (const Handed& entry : handed) {
    if (entry.kind != EntryKind::kNormal || entry.data.empty()) continue;
    if (!all.empty()) all += ' ';
    all += entry.data;
  }
  return all;
}

DriverFixture::DriverFixture() {
  core_options.id = RaftId(1);
  core_options.log_level = LogLevel::kError;
  driver_options.id = RaftId(1);
}

Status DriverFixture::start() {
  if (snapshot.index == Index() && !unfounded) {
    Members members;
    for (const std::uint64_t each : voters) members.voters.push_back(RaftId(each));
    for (const std::uint64_t each : learners) members.learners.push_back(RaftId(each));
    snapshot = {Index(1), Term(1), encode_members(members), "founded"};
    RETURN_IF_ERROR(SegmentLog::make(files, executor, log_options));
  }
  Core::Builder builder(core_options, snapshot);
  ToBuilder replay(builder);
  SegmentLog::Recovered recovered;
  Result<std::unique_ptr<SegmentLog>> opened =
      SegmentLog::open(files, executor, log_options, snapshot, replay, recovered);
  if (!opened.ok()) return opened.error();
  log = std::move(*opened);
  core = builder.start(recovered.hard_state.value_or(HardState{}), *log);
  driver = std::make_unique<Driver>(driver_options, *core, *log, transport, machine,
                                    snapshot.conf_state);
  return {};
}

Status DriverFixture::restart() {
  driver.reset();
  core.reset();
  log.reset();
  transport.sent.clear();
  machine.handed.clear();
  machine.batches.clear();
  reported_ = 0;
  return start();
}

Status DriverFixture::round() {
  const Status status = driver->round();
  if (applies && reported_ < machine.handed.size()) {
    driver->applied(machine.handed.back().index);
    reported_ = machine.handed.size();
  }
  return status;
}

void DriverFixture::lead() {
  driver->campaign();
  (void)round();
  for (const auto type : {PeerMessage::Type::kPreVoteResponse, PeerMessage::Type::kVoteResponse}) {
    for (const std::uint64_t peer : voters) {
      const std::uint64_t term = driver->status().term.value();
      const bool before = type == PeerMessage::Type::kPreVoteResponse;
      if (peer != 1) deliver(from(peer, type, before ? term + 1 : term));
      (void)round();
    }
  }
  CHECK(driver->status().role == Role::kLeader);
}

std::shared_ptr<Outcome> DriverFixture::propose(Bytes data) {
  auto outcome = std::make_shared<Outcome>();
  driver->propose(make_proposal(std::move(data), outcome));
  return outcome;
}

std::shared_ptr<Outcome> DriverFixture::propose_change(ChangeKind kind, std::uint64_t id,
                                                       Bytes context) {
  auto outcome = std::make_shared<Outcome>();
  driver->propose_change(kind, RaftId(id), context, make_proposal("", outcome));
  return outcome;
}

std::shared_ptr<Outcome> DriverFixture::read() {
  auto outcome = std::make_shared<Outcome>();
  driver->read(std::make_unique<TestRead>(outcome));
  return outcome;
}

PeerMessage DriverFixture::from(std::uint64_t peer, PeerMessage::Type type,
                                std::uint64_t term) const {
  PeerMessage message;
  message.type = type;
  message.to = RaftId(1);
  message.from = RaftId(peer);
  message.term = Term(term);
  return message;
}

void DriverFixture::deliver_entries(std::uint64_t leader, std::uint64_t term, std::uint64_t first,
                                    std::uint64_t count, std::uint64_t before, std::uint64_t commit,
                                    std::size_t bytes) {
  PeerMessage message = from(leader, PeerMessage::Type::kAppend, term);
  message.index = Index(first - 1);
  message.log_term = Term(before);
  message.commit = Index(commit);
  for (std::uint64_t i = first; i < first + count; i++) {
    LogEntry entry;
    entry.index = Index(i);
    entry.term = Term(term);
    entry.data = Bytes(bytes, static_cast<char>('a' + i % 26));
    message.entries.push_back(std::move(entry));
  }
  deliver(message);
}

void DriverFixture::deliver_heartbeat(std::uint64_t leader, std::uint64_t term,
                                      std::uint64_t commit) {
  PeerMessage heartbeat = from(leader, PeerMessage::Type::kHeartbeat, term);
  heartbeat.commit = Index(commit);
  deliver(heartbeat);
}

void DriverFixture::acknowledge(std::uint64_t index) {
  for (const std::uint64_t peer : voters) {
    if (peer == 1) continue;
    PeerMessage message =
        from(peer, PeerMessage::Type::kAppendResponse, driver->status().term.value());
    message.index = Index(index);
    deliver(message);
  }
}

void DriverFixture::snapshot_at(std::uint64_t index, std::uint64_t release) {
  snapshot.index = Index(index);
  for (const FakeMachine::Handed& entry : machine.handed) {
    if (entry.index == Index(index)) snapshot.term = entry.term;
    if (entry.index <= Index(index) && !entry.conf_state.empty()) {
      snapshot.conf_state = entry.conf_state;
    }
  }
  driver->snapshot_taken(snapshot, Index(release));
}

}  // namespace rqlite::raft
