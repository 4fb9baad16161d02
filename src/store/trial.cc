#include "store/trial.h"

namespace rqlite::store {

Result<std::optional<std::uint64_t>> Trial::run(BytesView request, const command::Header& header,
                                                const std::function<bool()>& expired) {
  if (expired()) return Status(Code::kDeadline, "context deadline exceeded");
  if (!runner_.runs_in_transaction(request)) {
    return Status(Code::kInvalid,
                  "db_timeout needs statements that run in a transaction, each on its own");
  }
  sqlite::Connection& connection = writer_.connection();
  const Writer::Mark mark = writer_.mark();
  if (const sqlite::Error begun = connection.execute("BEGIN"); !begun.ok()) {
    return sqlite::status_of(begun, "apply");
  }
  writer_.begin_entry(header.unix_milliseconds, header.seed);
  bool timed_out = false;
  runner_.watch([&] { return timed_out = timed_out || expired(); });
  command::RequestResult result;
  const RequestRunner::Outcome outcome = runner_.run_in_group(request, result);
  runner_.watch(nullptr);

  // An interrupted write has rolled back by itself.
  if (!connection.is_autocommit()) {
    const sqlite::Error undone = connection.execute("ROLLBACK");
    if (!undone.ok()) return sqlite::status_of(undone, "roll back");
  }
  (void)connection.take_session_changed();
  (void)connection.take_virtual_table_written();
  RETURN_IF_ERROR(writer_.put_back(mark));
  if (timed_out) return std::optional<std::uint64_t>(result.statements.size() - 1);
  if (outcome == RequestRunner::Outcome::kTrouble) return runner_.trouble();
  // One that leaves the group has run as far as can be told.
  return std::optional<std::uint64_t>();
}

}  // namespace rqlite::store
