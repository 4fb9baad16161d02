#include "store/machine_fixture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sqlite3.h>

#include <cstdlib>
#include <map>

#include "raft/members.h"
#include "store/membership_change.h"
#include "store/recovery.h"

namespace rqlite::store {
namespace {

class Collect final : public Write {
 public:
  explicit Collect(std::vector<command::RequestResult>& to) : to_(to) {}
  void applied(raft::Index, std::vector<command::RequestResult> results) override {
    to_ = std::move(results);
  }
  void failed(const Status& why) override {
    to_.clear();
    to_.emplace_back().error = "failed: " + why.text();
  }

 private:
  std::vector<command::RequestResult>& to_;
};

std::string quoted_rows(sqlite3* database, const std::string& sql) {
  std::string text;
  char* error = nullptr;
  sqlite3_exec(
      database, sql.c_str(),
      [](void* to, int columns, char** values, char**) {
        auto& out = *static_cast<std::string*>(to);
        for (int i = 0; i < columns; i++) out.append(values[i] ? values[i] : "NULL").append("|");
        out += '\n';
        return 0;
      },
      &text, &error);
  if (error != nullptr) text += std::string("error: ") + error;
  sqlite3_free(error);
  return text;
}

}  // namespace

std::uint64_t seeds() {
  const char* text = std::getenv("RQLITE_SEEDS");
  return text == nullptr ? 15 : std::strtoull(text, nullptr, 10);
}

std::string text_of(const command::RequestResult& result) {
  std::string text = result.error.empty() ? "" : "request: " + result.error + "\n";
  if (result.key == command::RequestResult::Key::kReplayed) text += "replayed:\n";
  for (const command::StatementResult& each : result.statements) {
    text += fmt::format("{} id {} rows {}", each.error, each.last_insert_id, each.rows_affected);
    if (each.rows) {
      text += fmt::format(" returned {} {} of {}", each.rows->count, each.rows->values,
                          fmt::join(each.rows->columns, ","));
    }
    text += '\n';
  }
  return text;
}

std::string text_of(const std::vector<command::RequestResult>& results) {
  std::string text;
  for (const command::RequestResult& each : results) text += text_of(each);
  return text;
}

std::string sql_of(const TestEntry& entry) {
  std::string text;
  for (const TestRequest& request : entry) {
    text += request.unified ? "unified " : "";
    text += request.transaction ? "transaction" : "request";
    if (request.origin) {
      text += fmt::format(" of member {} epoch {} number {} answered below {}",
                          request.origin->member, request.origin->epoch, request.origin->number,
                          request.origin->answered_below);
    }
    if (request.runs_max != UINT64_MAX) text += fmt::format(" of {} statements", request.runs_max);
    text += request.key.empty() ? ":\n" : " " + request.key + ":\n";
    for (const std::string& sql : request.sql) text += "  " + sql + "\n";
  }
  return text;
}

// How a test writes the entry of a replacement.
constexpr std::string_view kReplace = "replace by ";
constexpr std::uint64_t kFile = 7;

// What makes the database that replaces, if `entry` does; else empty.
std::string replacing_sql(const TestEntry& entry) {
  if (entry.size() != 1 || entry[0].sql.size() != 1 || !entry[0].sql[0].starts_with(kReplace)) {
    return {};
  }
  return entry[0].sql[0].substr(kReplace.size());
}

// The file of a database that `sql` makes.
const Bytes& image_of(const std::string& sql) {
  static std::map<std::string, Bytes> made;
  if (const auto found = made.find(sql); found != made.end()) return found->second;
  SimFileSystem files;
  SimVfs vfs(files);
  CHECK(files.make_directories("/data").ok());
  {
    sqlite::EntryVfs entry_vfs(vfs.name());
    auto writer = sqlite::Connection::open_writer("/data/image", entry_vfs, false);
    CHECK(writer.ok() && (*writer)->execute(sql).ok() && (*writer)->checkpoint_passive().ok());
  }
  return made.emplace(sql, *files.read_file("/data/image")).first->second;
}

// How a test writes the entries of a replacement that comes through the log: the number of a piece
// and how many there are, all in one if it is the last entry; the file; the SQL.
constexpr std::string_view kPiece = "piece";
constexpr std::string_view kPutInPlace = "put in place";
constexpr std::string_view kGiveUp = "give up";
constexpr std::string_view kNewTerm = "new term";

// The command of such an entry; nullopt: it is none.
std::optional<Bytes> command_of_piece(const TestEntry& entry) {
  if (entry.size() != 1 || entry[0].sql.size() != 4) return std::nullopt;
  const std::vector<std::string>& words = entry[0].sql;
  if (words[0] != kGiveUp && words[0] != kPutInPlace && words[0] != kPiece) return std::nullopt;
  const command::Header header{.unix_milliseconds = 1, .seed = 1};
  const std::uint64_t file = std::stoull(words[1]);
  if (words[0] == kGiveUp) {
    return command::encode_command(command::Piece{file, 0, {}}, header);
  }
  const Bytes& image = image_of(words[3]);
  if (words[0] == kPutInPlace) {
    return command::encode_command(command::Replacement{file, image.size()}, header);
  }
  const std::size_t slash = words[2].find('/');
  const std::uint64_t number = std::stoull(words[2].substr(0, slash));
  const std::uint64_t count = std::stoull(words[2].substr(slash + 1));
  const std::uint64_t begin = image.size() * (number - 1) / count;
  const std::uint64_t end = image.size() * number / count;
  return command::encode_command(
      command::Piece{file, begin, BytesView(image).substr(begin, end - begin)}, header);
}

bool is_new_term(const TestEntry& entry) {
  return entry.size() == 1 && entry[0].sql.size() == 1 && entry[0].sql[0] == kNewTerm;
}

// How a test writes the entry of a change.
constexpr std::string_view kComes = "member comes: ";
constexpr std::string_view kGoes = "member goes: ";

// The members with the change that `entry` is, beside the one that comes, if any; nullopt: it is
// none.
struct Change {
  raft::Members members;
  Bytes context;
};
std::optional<Change> change_of(const TestEntry& entry, raft::Members members) {
  if (entry.size() != 1 || entry[0].sql.size() != 1) return std::nullopt;
  const std::string_view text = entry[0].sql[0];
  const bool comes = text.starts_with(kComes);
  if (!comes && !text.starts_with(kGoes)) return std::nullopt;
  const raft::RaftId id(std::stoull(std::string(text.substr(text.find(':') + 1))));
  if (!comes) {
    std::erase(members.voters, id);
    return Change{std::move(members), {}};
  }
  if (!members.contains(id)) members.voters.push_back(id);
  return Change{std::move(members),
                encode_membership_change({id, {"m" + id.to_string(), "localhost:1"}})};
}

TestEntry member_comes(std::uint64_t id) { return {{{std::string(kComes) + std::to_string(id)}}}; }
TestEntry member_goes(std::uint64_t id) { return {{{std::string(kGoes) + std::to_string(id)}}}; }

TestEntry forwarded(TestEntry entry, const command::Origin& origin) {
  entry.front().origin = origin;
  return entry;
}

TestEntry replacement_by(const std::string& sql) {
  return {{.sql = {std::string(kReplace) + sql}}};
}

TestEntry piece_of(const std::string& sql, std::uint64_t file, int number, int count) {
  return {{.sql = {std::string(kPiece), std::to_string(file), fmt::format("{}/{}", number, count),
                   sql}}};
}

TestEntry replacement_by_pieces(const std::string& sql, std::uint64_t file) {
  return {{.sql = {std::string(kPutInPlace), std::to_string(file), "", sql}}};
}

TestEntry give_up(std::uint64_t file) {
  return {{.sql = {std::string(kGiveUp), std::to_string(file), "", ""}}};
}

TestEntry new_term() { return {{.sql = {std::string(kNewTerm)}}}; }

Status MachineOnDisk::put_aside(const TestEntry& entry) {
  const std::string sql = replacing_sql(entry);
  return sql.empty() ? Status() : put_aside_file(image_of(sql));
}

Status MachineOnDisk::put_aside_file(BytesView content) {
  RETURN_IF_ERROR(files_.make_directories(paths_.set_aside()));
  auto file = files_.open(paths_.set_aside(kFile), FileSystem::Open::kCreateOrTruncate);
  if (!file.ok()) return file.error();
  RETURN_IF_ERROR((*file)->write(0, content));
  RETURN_IF_ERROR((*file)->sync_data());
  return files_.sync_directory(paths_.set_aside());
}

MachineOnDisk::Sent MachineOnDisk::send() {
  Sent sent{snapshotter_->last(), *files_.read_file(paths_.main()), {}};
  // As the receiver reads the journal.
  auto journal =
      OutcomeJournal::open(files_, paths_.raft(), sent.record.state.journal,
                           [&](OutcomeRecord each) { sent.kept.push_back(std::move(each)); });
  CHECK(journal.ok());
  return sent;
}

Status MachineOnDisk::install(const Sent& sent) {
  RETURN_IF_ERROR(put_aside_file(sent.file));
  RETURN_IF_ERROR(
      machine_->install({sent.record, sent.kept, command::Replacement{kFile, sent.file.size()}}));
  return poll();
}

Bytes command_of(const TestEntry& entry, std::uint64_t index) {
  Bytes batch;
  if (change_of(entry, {}) || is_new_term(entry)) return batch;
  if (std::optional<Bytes> piece = command_of_piece(entry)) return *std::move(piece);
  if (const std::string sql = replacing_sql(entry); !sql.empty()) {
    return command::encode_command(command::Replacement{kFile, image_of(sql).size()},
                                   {.unix_milliseconds = 1, .seed = index});
  }
  for (const TestRequest& request : entry) {
    Bytes alone;
    {
      command::RequestBuilder builder(
          alone, {.transaction = request.transaction, .unified = request.unified}, request.key);
      for (const std::string& sql : request.sql) builder.begin_statement(sql);
    }
    if (request.runs_max != UINT64_MAX) alone = command::limited_to(alone, request.runs_max);
    batch += alone;
  }
  const command::Header header = {
      .unix_milliseconds = 1'700'000'000'000 + static_cast<std::int64_t>(index),
      .seed = index * 7919};
  if (!entry.empty() && entry[0].origin) {
    return command::encode_command(std::move(batch), header, *entry[0].origin);
  }
  return command::encode_command(
      std::move(batch), header,
      command::StreamPlace{"n1", first_number(index), first_number(index)});
}

Status MachineOnDisk::open() {
  RETURN_IF_ERROR(files_.make_directories(paths_.raft()));
  SnapshotRecord founded;
  founded.index = raft::Index(1);
  founded.conf_state = raft::encode_members({.voters = {raft::RaftId(1)}, .learners = {}});
  founded.state.members.emplace(raft::RaftId(1), Member{"m1", "localhost:1"});
  Result<SlotFile> slot =
      SlotFile::open(files_, paths_.snapshot(), encode_snapshot_record(founded));
  if (!slot.ok()) return slot.error();
  slot_.emplace(std::move(*slot));
  Result<SnapshotRecord> record = recover_database(files_, paths_, *slot_, vfs_.name());
  if (!record.ok()) return record.error();
  auto writer =
      Writer::open({paths_.main(), options_.foreign_keys, vfs_.name()}, record->state.session);
  if (!writer.ok()) return writer.error();
  writer_ = std::move(*writer);
  outcomes_ = std::make_unique<Outcomes>();
  outcomes_->restore(record->state);
  auto journal =
      OutcomeJournal::open(files_, paths_.raft(), record->state.journal,
                           [this](OutcomeRecord each) { outcomes_->restore(std::move(each)); });
  if (!journal.ok()) return journal.error();
  journal_ = std::move(*journal);
  auto snapshotter = Snapshotter::open(
      {files_, helper_, *writer_, *slot_, *outcomes_, *journal_, clock_, [this] { woken_ = true; },
       [](const SnapshotRecord&, bool) {}, [](bool) {}},
      paths_, options_.snapshots, *record, vfs_.name());
  if (!snapshotter.ok()) return snapshotter.error();
  snapshotter_ = std::move(*snapshotter);
  applied_ = std::make_unique<AppliedIndex>();
  RETURN_IF_ERROR(files_.make_directories(paths_.set_aside()));
  set_aside_ = std::make_unique<SetAside>(files_, paths_, vfs_.name(), no_extensions_);
  machine_ = std::make_unique<Machine>(*writer_, *snapshotter_, *set_aside_, *applied_, *outcomes_,
                                       *record, "n1", options_.group_max);
  return {};
}

void MachineOnDisk::close() {
  while (!helper_.idle()) helper_.run_one();
  machine_.reset();
  snapshotter_.reset();
  journal_.reset();
  outcomes_.reset();
  writer_.reset();
  applied_.reset();
  slot_.reset();
}

Status MachineOnDisk::apply(const TestEntry& entry) { return apply_batch({entry}); }

Status MachineOnDisk::apply_batch(const std::vector<TestEntry>& entries) {
  std::vector<raft::Committed> batch;
  RETURN_IF_ERROR(put_aside(entries.front()));
  results = std::vector<std::vector<command::RequestResult>>(entries.size());
  Bytes conf_state = machine_->now().conf_state;
  std::uint64_t next = index();
  raft::Term term = std::max(machine_->now().term, raft::Term(1));
  for (const TestEntry& entry : entries) {
    next++;
    if (is_new_term(entry)) term = raft::Term(term.value() + 1);
    raft::Committed committed{.index = raft::Index(next + 1),
                              .term = term,
                              .kind = raft::EntryKind::kNormal,
                              .proposal = nullptr,
                              .data = {},
                              .conf_state = {},
                              .context = {}};
    if (auto change = change_of(entry, raft::decode_members(conf_state))) {
      conf_state = raft::encode_members(change->members);
      committed.kind = raft::EntryKind::kChange;
      committed.conf_state = conf_state;
      committed.context = std::move(change->context);
    } else {
      committed.proposal = std::make_unique<WriteProposal>(
          command_of(entry, next), std::make_unique<Collect>(results[batch.size()]));
    }
    batch.push_back(std::move(committed));
  }
  RETURN_IF_ERROR(machine_->apply(std::move(batch)));
  helper_.run_one();
  return poll();
}

Status MachineOnDisk::poll() {
  do {
    woken_ = false;
    RETURN_IF_ERROR(machine_->poll_snapshots());
  } while (woken_);
  return {};
}

Status MachineOnDisk::snapshot() {
  bool ended = false;
  Status outcome;
  snapshotter_->request([&](const Snapshotter::Outcome& done) {
    ended = true;
    outcome = done.status;
  });
  while (!ended) {
    RETURN_IF_ERROR(poll());
    helper_.run_one();
  }
  return outcome;
}

std::unique_ptr<FrozenMain> MachineOnDisk::freeze() {
  constexpr std::chrono::seconds kPatience(1);
  bool ended = false;
  std::unique_ptr<FrozenMain> frozen;
  snapshotter_->freeze(kPatience, [&](Result<std::unique_ptr<FrozenMain>> result) {
    ended = true;
    if (result.ok()) frozen = std::move(*result);
  });
  while (!ended && poll().ok()) {
    if (!helper_.idle()) {
      helper_.run_one();
    } else if (!ended) {
      clock_.advance(kPatience);
    }
  }
  return frozen;
}

Status MachineOnDisk::begin_snapshot() {
  snapshotter_->request([](const Snapshotter::Outcome&) {});
  return poll();
}

std::string MachineOnDisk::dump() { return dump_database(paths_.main(), vfs_.name()); }

std::string MachineOnDisk::kept() {
  std::string text;
  ReplicatedState state;
  outcomes_->note_positions(state);
  for (const StreamPosition& each : state.streams) {
    text += fmt::format("stream {} {} to {}, at {}, failures from {}\n", each.node_id, each.epoch,
                        each.last, each.used.to_string(), each.failures_from);
  }
  for (const SenderPosition& each : state.senders) {
    text += fmt::format("member {} epoch {} from {}, answered below {}\n", each.member.to_string(),
                        each.epoch, each.begun.to_string(), each.answered_below);
  }
  if (const std::optional<IncomingFile>& incoming = machine_->now().state.incoming) {
    text += fmt::format("file {}: {} bytes, in term {}\n", incoming->file, incoming->bytes,
                        incoming->term.to_string());
  }
  for (const OutcomeRecord& record : outcomes_->records()) {
    const Outcome outcome = read_record(*record).value();
    text += fmt::format("{}{}: {} bytes, {}\n", outcome.key, outcome.number, outcome.result.size(),
                        outcome.fingerprint.low + outcome.member.value());
  }
  return text;
}

std::string dump_database(const std::string& path, const char* vfs) {
  sqlite3* database = nullptr;
  if (sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, vfs) != SQLITE_OK) {
    const std::string error = sqlite3_errmsg(database);
    sqlite3_close(database);
    return "cannot open: " + error;
  }
  sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  std::string text = quoted_rows(database, "PRAGMA integrity_check");
  text += quoted_rows(database, "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name");
  const std::string tables = quoted_rows(
      database,
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name");
  for (std::size_t at = 0; at < tables.size();) {
    const std::size_t end = tables.find('|', at);
    const std::string name = tables.substr(at, end - at);
    text += name + ":\n" + quoted_rows(database, "SELECT * FROM \"" + name + "\" ORDER BY 1");
    at = end + 2;
  }
  sqlite3_close(database);
  return text;
}

}  // namespace rqlite::store
