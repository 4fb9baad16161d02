#include "raft/log_fixture.h"

#include <utility>

namespace rqlite::raft {
namespace {

std::string listed(const std::vector<LogEntry>& entries) {
  std::string text;
  for (const LogEntry& entry : entries) {
    if (!text.empty()) text += ' ';
    text += entry.index.to_string() + ':' + entry.term.to_string();
  }
  return text;
}

}  // namespace

LogFixture::LogFixture() {
  // What a test of the n-th operation counts are the log's own.
  (void)files.make_directories(options.directory);
}

Status LogFixture::open() {
  close();
  broken = false;
  CollectReplay replay;
  recovered = {};
  Result<std::unique_ptr<SegmentLog>> opened =
      SegmentLog::open(files, executor, options, snapshot, replay, recovered);
  if (!opened.ok()) return opened.error();
  log = std::move(*opened);
  found = std::move(replay.content);
  found.hard_state = recovered.hard_state.value_or(HardState{});
  found.before = snapshot.index;
  found.before_term = snapshot.term;
  return {};
}

Status LogFixture::open_after(SimFileSystem::Crash kind, Random& random) {
  close();
  files.crash(kind, random);
  RETURN_IF_ERROR(open());
  complaint = model.complaint(snapshot, found);
  if (found.last() != recovered.last) complaint += "\nthe last entry is told wrong";
  model.adopt(found);
  return {};
}

Status LogFixture::append(std::uint64_t first, std::uint64_t count, std::uint64_t term,
                          std::size_t bytes) {
  std::vector<LogEntry> entries;
  for (std::uint64_t i = first; i < first + count; i++) entries.push_back(entry(i, term, bytes));
  return append({}, entries);
}

Status LogFixture::append_each(std::uint64_t first, std::uint64_t count, std::uint64_t term,
                               std::size_t bytes) {
  for (std::uint64_t i = first; i < first + count; i++) {
    RETURN_IF_ERROR(append(i, 1, term, bytes));
  }
  return {};
}

Status LogFixture::append(const std::optional<HardState>& hard_state,
                          const std::vector<LogEntry>& entries) {
  std::vector<EntryView> views;
  std::size_t bytes = 0;
  for (const LogEntry& each : entries) {
    views.push_back(each.view());
    bytes += each.data.size();
  }
  // A state alone needs no room reserved.
  if (!views.empty()) RETURN_IF_ERROR(log->reserve(views.size(), bytes));
  model.append(hard_state, views);
  broken = true;
  RETURN_IF_ERROR(log->append(hard_state, views));
  broken = false;
  model.acknowledge();
  return {};
}

Status LogFixture::vote(std::uint64_t term, std::uint64_t vote) {
  return append(HardState{Term(term), RaftId(vote), Index()}, {});
}

void LogFixture::take_snapshot(std::uint64_t index) {
  snapshot.index = Index(index);
  snapshot.term = model.acknowledged().term(Index(index)).value();
  log->release(Index(index));
}

Status LogFixture::install_snapshot(std::uint64_t index, std::uint64_t term) {
  snapshot.index = Index(index);
  snapshot.term = Term(term);
  model.restart_after(Index(index), Term(term));
  broken = true;
  RETURN_IF_ERROR(log->restart_after(Index(index), Term(term)));
  broken = false;
  model.acknowledge();
  return {};
}

std::string LogFixture::read(std::uint64_t low, std::uint64_t high, std::size_t bytes_max) {
  std::vector<LogEntry> entries;
  const Status status = log->read(Index(low), Index(high), bytes_max, [&](const EntryView& view) {
    entries.push_back(LogEntry(view));
  });
  for (const LogEntry& each : entries) {
    if (model.acknowledged().find(each.index) == nullptr ||
        *model.acknowledged().find(each.index) != each) {
      return "entry " + each.index.to_string() + " is not what was written";
    }
  }
  return status.ok() ? listed(entries) : status.text();
}

std::string LogFixture::entries() const { return listed(found.entries); }

std::vector<std::string> LogFixture::names() { return files.list(options.directory).value(); }

Bytes LogFixture::content(const std::string& name) { return files.read_file(path(name)).value(); }

void LogFixture::set_content(const std::string& name, BytesView content) {
  auto file = files.open(path(name), FileSystem::Open::kCreateOrTruncate);
  CHECK(file.ok());
  CHECK((*file)->write(0, content).ok());
}

LogEntry LogFixture::entry(std::uint64_t index, std::uint64_t term, std::size_t bytes) {
  LogEntry made;
  made.index = Index(index);
  made.term = Term(term);
  made.kind = index % 5 == 0 ? EntryKind::kChange : EntryKind::kNormal;
  Random random(index * 1000 + term);
  while (made.data.size() < bytes) append_number(made.data, random.next());
  made.data.resize(bytes);
  return made;
}

}  // namespace rqlite::raft
