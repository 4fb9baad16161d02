#include "raft/sim_machine.h"

#include <fmt/format.h>

#include <utility>

#include "raft/message.h"

namespace rqlite::raft {
namespace {

// The number of the proposal in an entry; 0 if it carries none.
std::uint64_t proposal_in(BytesView bytes) {
  return bytes.size() < 8 ? 0 : load_number<std::uint64_t>(bytes.data());
}

}  // namespace

SimProposal::SimProposal(RaftChecker& checker, std::size_t size)
    : checker_(checker), number_(checker.proposes()) {
  if (size == 0) return;
  Random random(number_);
  append_number(data_, number_);
  while (data_.size() < size) append_number(data_, random.next());
  data_.resize(std::max<std::size_t>(size, 8));
}

SimProposal::~SimProposal() = default;

void SimProposal::failed(const Status& why) {
  answer();
  if (why.code() != Code::kUnknown) checker_.refused(number_);
}

void SimProposal::applied(Index index) {
  answer();
  checker_.acknowledged(number_, index);
}

void SimProposal::answer() {
  if (answered_) checker_.fail(fmt::format("proposal {} is answered twice", number_));
  answered_ = true;
}

SimMachine::SimMachine(RaftId id, FileSystem& files, std::string path, RaftChecker& checker)
    : id_(id), files_(files), path_(std::move(path)), checker_(checker) {}

Bytes SimMachine::encode(const Content& content) {
  Bytes bytes;
  append_number(bytes, content.index.value());
  append_number(bytes, content.term.value());
  append_number(bytes, content.digest);
  append_number(bytes, static_cast<std::uint64_t>(content.conf_state.size()));
  bytes += content.conf_state;
  for (const std::uint64_t number : content.applied) append_number(bytes, number);
  return bytes;
}

SimMachine::Content SimMachine::decode(BytesView bytes) {
  Content content;
  content.index = Index(load_number<std::uint64_t>(&bytes[0]));
  content.term = Term(load_number<std::uint64_t>(&bytes[8]));
  content.digest = load_number<std::uint64_t>(&bytes[16]);
  const auto size = load_number<std::uint64_t>(&bytes[24]);
  content.conf_state = bytes.substr(32, size);
  for (std::size_t at = 32 + size; at < bytes.size(); at += 8) {
    content.applied.push_back(load_number<std::uint64_t>(&bytes[at]));
  }
  return content;
}

Status SimMachine::open() {
  Result<bool> exists = files_.exists(path_);
  if (!exists.ok()) return exists.error();
  if (!*exists) return {};
  Result<Bytes> bytes = files_.read_file(path_);
  if (!bytes.ok()) return bytes.error();
  // The process may have died before the name was durable.
  RETURN_IF_ERROR(files_.sync_directory(parent_directory(path_)));
  now_ = saved_ = decode(*bytes);
  handed_ = now_.index;
  checker_.restores(id_, now_.index, now_.digest);
  return {};
}

Snapshot SimMachine::snapshot() const {
  Bytes manifest;
  append_number(manifest, saved_.digest);
  return {saved_.index, saved_.term, saved_.conf_state, manifest};
}

Status SimMachine::take_snapshot() { return save(now_); }

Status SimMachine::save(const Content& content) {
  RETURN_IF_ERROR(files_.replace_file(path_, encode(content)));
  saved_ = content;
  return {};
}

bool SimMachine::apply_some(std::size_t count) {
  bool any = false;
  for (; count > 0 && !waiting_.empty(); count--, any = true) {
    Committed entry = std::move(waiting_.front());
    waiting_.pop_front();
    const bool is_change = entry.kind == EntryKind::kChange;
    const std::uint64_t number =
        proposal_in(is_change ? BytesView(entry.context) : entry.payload());
    now_.digest = checker_.applies(id_, now_.digest,
                                   {entry.index, entry.term, entry.kind,
                                    is_change ? BytesView(entry.context) : entry.payload()},
                                   number);
    now_.index = entry.index;
    now_.term = entry.term;
    if (is_change) now_.conf_state = entry.conf_state;
    if (number != 0) now_.applied.push_back(number);
    if (!entry.proposal) continue;
    static_cast<SimProposal&>(*entry.proposal).applied(entry.index);
  }
  return any;
}

void SimMachine::apply(std::vector<Committed> entries) {
  for (Committed& entry : entries) {
    if (entry.index != handed_.next()) {
      checker_.fail(fmt::format("{} is handed entry {} after {}", id_.value(), entry.index.value(),
                                handed_.value()));
    }
    handed_ = entry.index;
    waiting_.push_back(std::move(entry));
  }
}

Status SimMachine::restore(const Snapshot& snapshot) {
  if (staged_.empty()) {
    checker_.fail(fmt::format("{} is to restore a snapshot that nobody sent", id_.value()));
  }
  const Content content = decode(staged_);
  if (content.index != snapshot.index || content.term != snapshot.term ||
      content.conf_state != snapshot.conf_state || proposal_in(snapshot.data) != content.digest) {
    checker_.fail(fmt::format("{} has other content than its snapshot {} names", id_.value(),
                              snapshot.index.value()));
  }
  RETURN_IF_ERROR(save(content));
  for (Committed& entry : waiting_) {
    if (entry.proposal) entry.proposal->failed({Code::kUnknown, "a snapshot took its place"});
  }
  waiting_.clear();
  now_ = saved_;
  handed_ = now_.index;
  checker_.restores(id_, now_.index, now_.digest);
  return {};
}

}  // namespace rqlite::raft
