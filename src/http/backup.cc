#include "http/backup.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "http/gzip.h"
#include "http/request_options.h"
#include "net/outflow.h"
#include "sqlite/dump.h"
#include "sqlite/vacuum.h"

namespace rqlite::http {
namespace {

using namespace std::chrono_literals;

// How long a backup waits for another one, or for long reads that hold up the snapshot.
constexpr auto kPatience = 10s;

// Where SQLite's file header says how the file is written, and what stands there for a database
// with a rollback journal, which is all that some tools know.
constexpr std::size_t kFormatVersionsAt = 18;
constexpr BytesView kRollbackJournal("\x01\x01", 2);

enum class Format { kBinary, kDelete, kSql };

struct Options {
  Format format = Format::kBinary;
  bool vacuum = false;
  bool compress = false;
  std::vector<std::string> tables;
};

// "a, b,,c" as a, b and c.
std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const std::size_t first = name.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) continue;
    name = name.substr(first, name.find_last_not_of(" \t\r\n") - first + 1);
    names.emplace_back(name);
  }
  return names;
}

Options options_of(const net::Parameters& parameters) {
  Options options;
  std::string format(parameters.text("fmt", "binary"));
  std::transform(format.begin(), format.end(), format.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  if (format == "sql") options.format = Format::kSql;
  if (format == "delete") options.format = Format::kDelete;
  options.vacuum = parameters.has("vacuum");
  options.compress = parameters.has("compress");
  options.tables = names_in(parameters.text("tables", ""));
  return options;
}

std::string_view type_of(Format format) {
  return format == Format::kSql ? "application/sql" : "application/octet-stream";
}

// The reply's body on its way: compressed if that was asked for, and not begun before the first
// piece is there, so that what goes wrong until then has a status of its own.
class BackupReply {
 public:
  BackupReply(Options options, std::shared_ptr<net::Reply> reply, OnRefused refused,
              std::function<void()> done)
      : options_(std::move(options)),
        reply_(std::move(reply)),
        refused_(std::move(refused)),
        done_(std::move(done)) {
    if (options_.compress) gzip_.emplace();
  }

  [[nodiscard]] const Options& options() const { return options_; }

  Status write(BytesView piece) {
    if (gzip_) {
      gzip_->add(piece, waiting_);
    } else {
      waiting_ += piece;
    }
    return waiting_.size() < net::Outflow::kPieceBytes ? Status() : send();
  }

  // The end: of all of it, or of what was not begun, which gets to know why. What was begun breaks
  // off, so that nobody takes it for whole.
  void finish(const Status& status) {
    if (!status.ok()) {
      if (stream_) return;
      if (refused_) return refused_(status);
      return reply_->send(net::Response::text(500, status.text()));
    }
    if (gzip_) gzip_->finish(waiting_);
    if (!send().ok()) return;
    done_();  // before the client knows that it has all
    stream_->finish();
  }

 private:
  Status send() {
    Bytes piece = std::exchange(waiting_, {});
    if (stream_) {
      return stream_->write(piece) ? Status() : Status(Code::kUnavailable, "the client is gone");
    }
    stream_ = reply_->begin({200, type_of(options_.format), {}, std::move(piece)});
    return {};
  }

  const Options options_;
  const std::shared_ptr<net::Reply> reply_;
  const OnRefused refused_;
  const std::function<void()> done_;
  std::optional<Gzip> gzip_;
  Bytes waiting_;
  std::unique_ptr<net::BodyStream> stream_;
};

// Sends all of `file`, a FrozenMain or a File.
template <typename Source>
Status send_file(Source& file, BackupReply& to) {
  Result<std::uint64_t> size = file.size();
  if (!size.ok()) return size.error();
  Bytes piece;
  for (std::uint64_t at = 0; at < *size; at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(net::Outflow::kPieceBytes, *size - at));
    Result<std::size_t> got = file.read(at, piece.data(), piece.size());
    if (!got.ok()) return got.error();
    if (*got != piece.size()) return {Code::kFailed, "the database file ended early"};
    if (at == 0 && to.options().format == Format::kDelete) {
      piece.replace(kFormatVersionsAt, kRollbackJournal.size(), kRollbackJournal);
    }
    RETURN_IF_ERROR(to.write(piece));
  }
  return {};
}

Status send_vacuumed(store::Store& store, sqlite::Connection& connection, BackupReply& to) {
  const std::string path = store.scratch_path();
  Status status = sqlite::vacuum_into(connection, path);
  if (status.ok()) {
    Result<std::unique_ptr<File>> copy = store.files().open(path, FileSystem::Open::kReadOnly);
    // Without a name it is gone with its last reader.
    RETURN_IF_ERROR(store.files().remove(path));
    return copy.ok() ? send_file(**copy, to) : copy.error();
  }
  RETURN_IF_ERROR(store.files().remove(path));
  return status;
}

}  // namespace

std::string_view backup_type(const net::Parameters& parameters) {
  return type_of(options_of(parameters).format);
}

void backup(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
            Counters& counters, OnRefused refused, std::function<void()> done) {
  Options options = options_of(request.parameters);
  if (options.vacuum && options.format != Format::kBinary) {
    return reply->send(net::Response::text(400, "invalid backup format"));
  }
  if (store == nullptr) return reply->send(net::Response::text(500, "store not open"));
  if (refused && !store->is_leader()) return refused({Code::kNotLeader, "not leader"});
  // One that leads since a moment ago may not have applied yet what its predecessor acknowledged.
  if (refused && !store->is_ready()) return refused({Code::kUnavailable, "store not ready"});
  if (!request.parameters.has("noleader") && !store->has_leader()) {
    counters.add(Counter::kLeaderNotFound);
    return reply->send(net::Response::text(503, "leader not found"));
  }
  const bool sql = options.format == Format::kSql;
  const bool vacuum = options.vacuum;
  auto to = std::make_shared<BackupReply>(std::move(options), std::move(reply), std::move(refused),
                                          std::move(done));
  if (sql || vacuum) {
    return store->on_reader([store, sql, to](const Result<store::ReaderPool::Reader>& reader) {
      if (!reader.ok()) return to->finish(reader.error());
      if (!sql) return to->finish(send_vacuumed(*store, reader->connection(), *to));
      to->finish(sqlite::write_dump(reader->connection(), to->options().tables,
                                    [&](std::string_view piece) { return to->write(piece); }));
    });
  }
  store->freeze(kPatience, [store, to](Result<std::unique_ptr<store::FrozenMain>> frozen) {
    if (!frozen.ok()) return to->finish(frozen.error().with_context("pre-backup snapshot failed"));
    // It takes as long as the client does, which is nothing for the apply thread.
    const std::shared_ptr<store::FrozenMain> file = std::move(*frozen);
    store->on_reader([file, to](const Result<store::ReaderPool::Reader>& reader) {
      to->finish(reader.ok() ? send_file(*file, *to) : reader.error());
    });
  });
}

}  // namespace rqlite::http
