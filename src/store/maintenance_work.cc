#include "store/maintenance_work.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "command/request.h"
#include "sqlite/optimize.h"
#include "sqlite/vacuum.h"
#include "store/store.h"

namespace rqlite::store {
namespace {

// Rows of each index that ANALYZE looks at: SQLite's advice is 100 to 1000, and as good as all.
constexpr int kAnalysisLimit = 1000;

// Tells how the one request of a batch went.
class OneRequest final : public Write {
 public:
  explicit OneRequest(std::function<void(Status)> then) : then_(std::move(then)) {}

  void applied(raft::Index, std::vector<command::RequestResult> results) override {
    std::string error = results.front().error;
    for (const command::StatementResult& each : results.front().statements) {
      if (error.empty()) error = each.error;
    }
    then_(error.empty() ? Status() : Status(Code::kFailed, error));
  }
  void failed(const Status& why) override { then_(why); }

 private:
  const std::function<void(Status)> then_;
};

Result<MaintenanceWork::Statements> plan_analyses(sqlite::Connection& connection) {
  Result<MaintenanceWork::Statements> statements = sqlite::wanted_analyses(connection);
  if (statements.ok() && !statements->empty()) {
    statements->insert(statements->begin(),
                       fmt::format("PRAGMA analysis_limit={}", kAnalysisLimit));
  }
  return statements;
}

Status check_room(FileSystem& files, const std::string& directory, std::uint64_t needed) {
  const Result<std::uint64_t> free = files.free_bytes(directory);
  if (!free.ok()) return free.error();
  if (*free >= needed) return {};
  return {Code::kDiskFull, fmt::format("it takes {} bytes of room in {}, where {} are free", needed,
                                       directory, *free)};
}

}  // namespace

Status MaintenanceWork::may_maintain() {
  if (Status may = store_.may_write(); !may.ok()) return may;
  if (!store_.is_ready()) return {Code::kUnavailable, "store not ready"};
  return {};
}

void MaintenanceWork::plan(MaintenanceTask task, std::function<void(Result<Statements>)> then) {
  switch (task) {
    case MaintenanceTask::kVacuum: {
      const Status room = check_room_for_vacuum();
      if (!room.ok()) return then(room);
      return then(Statements{"VACUUM"});
    }
    case MaintenanceTask::kOptimize:
      if (sqlite::asking_takes_a_writer()) {
        return store_.on_writer([then = std::move(then)](const Result<Writer*>& writer) {
          then(writer.ok() ? plan_analyses((*writer)->connection()) : writer.error());
        });
      }
      return store_.on_reader([then = std::move(then)](const Result<ReaderPool::Reader>& reader) {
        then(reader.ok() ? plan_analyses(reader->connection()) : reader.error());
      });
  }
}

void MaintenanceWork::run(const Statements& statements, std::function<void(Status)> then) {
  Bytes batch;
  {
    command::RequestBuilder request(batch, {});
    for (const std::string& statement : statements) request.begin_statement(statement);
  }
  store_.write(std::move(batch), std::make_unique<OneRequest>(std::move(then)));
}

// Whoever meets a full disk in the middle of it would have to wait there for room, and writes with
// it.
Status MaintenanceWork::check_room_for_vacuum() {
  FileSystem& files = store_.files();
  const DatabaseFiles& paths = store_.paths();
  std::uint64_t database = 0;
  for (const std::string& path : {paths.main(), paths.wal()}) {
    const Result<bool> exists = files.exists(path);
    if (!exists.ok()) return exists.error();
    if (!*exists) continue;
    const Result<FileStamp> stamp = files.stamp(path);
    if (!stamp.ok()) return stamp.error();
    database += stamp->size;
  }
  // A copy in a temporary file, and one in the WAL; both may be on the same file system.
  RETURN_IF_ERROR(check_room(files, paths.directory, 2 * database));
  return check_room(files, sqlite::temporary_directory(), database);
}

}  // namespace rqlite::store
