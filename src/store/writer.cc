#include "store/writer.h"

#include <utility>

namespace rqlite::store {

Result<std::unique_ptr<Writer>> Writer::open(const Options& options, const SessionState& state) {
  std::unique_ptr<Writer> writer(new Writer(options));
  if (Status status = writer->connect(state); !status.ok()) return status;
  return writer;
}

Status Writer::connect(const SessionState& state) {
  sqlite::Connection::WalPosition position;
  if (connection_) position = connection_->wal_position();
  if (cache_) cache_->clear();
  connection_.reset();
  kept_foreign_keys_ = state.foreign_keys;
  Result<std::unique_ptr<sqlite::Connection>> opened = sqlite::Connection::open_writer(
      options_.path, vfs_, state.foreign_keys.value_or(options_.foreign_keys), options_.extensions);
  if (!opened.ok()) return opened.error();
  connection_ = std::move(*opened);
  connection_->set_wal_position(position);
  cache_ = std::make_unique<sqlite::StatementCache>();
  return sqlite::status_of(connection_->restore_counters(state.counters), "restore the session");
}

void Writer::close() {
  cache_->clear();
  connection_.reset();
}

void Writer::begin_entry(std::int64_t unix_milliseconds, std::uint64_t seed) {
  vfs_.set_time(unix_milliseconds);
  connection_->seed(seed);
}

bool Writer::foreign_keys() const { return connection_->foreign_keys(); }

SessionState Writer::state() const { return {connection_->counters(), kept_foreign_keys_}; }

Writer::Mark Writer::mark() const { return {state(), connection_->random()}; }

Status Writer::put_back(const Mark& mark) {
  connection_->set_random(mark.random);
  kept_foreign_keys_ = mark.state.foreign_keys;
  return sqlite::status_of(connection_->restore_counters(mark.state.counters),
                           "restore the session");
}

Status Writer::end_request() {
  if (!connection_->take_session_changed()) return {};
  const sqlite::EntryRandom random = connection_->random();
  RETURN_IF_ERROR(connect(state()));
  connection_->set_random(random);
  return {};
}

}  // namespace rqlite::store
