#include "store/group_apply.h"

#include "base/check.h"

namespace rqlite::store {
namespace {

void add_to(DatabaseCounts& counts, const command::RequestFlags& flags,
            const command::RequestResult& result) {
  (flags.unified ? counts.requests : counts.executions) += result.statements.size();
  for (const command::StatementResult& each : result.statements) {
    const bool reads = flags.unified && each.rows;
    if (!flags.unified && each.rows) counts.executions_with_rows++;
    if (!each.error.empty()) (reads ? counts.query_errors : counts.execution_errors)++;
  }
  if (flags.transaction) {
    (flags.unified ? counts.request_transactions : counts.execute_transactions)++;
  }
}

}  // namespace

void GroupApply::start(std::vector<Work> work) {
  CHECK(next_ == items_.size());
  work_ = std::move(work);
  items_.clear();
  next_ = 0;
  can_retry_ = true;
  for (std::size_t i = 0; i < work_.size(); i++) {
    const std::size_t requests = work_[i].command.requests.size();
    work_[i].results.resize(requests);
    for (std::size_t j = 0; j < requests; j++) items_.push_back({i, j, j == 0, true});
    if (requests == 0) items_.push_back({i, 0, true, false});
  }
}

void GroupApply::abandon() {
  work_.clear();
  items_.clear();
  next_ = 0;
}

Status GroupApply::run() {
  while (next_ < items_.size()) {
    RETURN_IF_ERROR(is_groupable(items_[next_]) ? run_group() : run_alone(next_ + 1));
  }
  return {};
}

void GroupApply::enter(const Item& item) {
  if (!item.begins_entry) return;
  const command::Header& header = work_[item.work].command.header;
  writer_.begin_entry(header.unix_milliseconds, header.seed);
}

BytesView GroupApply::request_of(const Item& item) const {
  return work_[item.work].command.requests[item.request];
}

command::RequestResult& GroupApply::result_of(const Item& item) {
  return work_[item.work].results[item.request];
}

bool GroupApply::is_groupable(const Item& item) {
  if (group_max_ == 0) return false;
  return !item.has_request || runner_.is_groupable(request_of(item));
}

Status GroupApply::run_group() {
  const Writer::Mark mark = writer_.mark();
  sqlite::Connection& connection = writer_.connection();
  const sqlite::Error begun = connection.execute("BEGIN");
  if (!begun.ok()) return give_up(mark, sqlite::status_of(begun, "apply"));
  std::size_t at = next_;
  while (at < items_.size() && at - next_ < group_max_ && is_groupable(items_[at])) {
    const Item& item = items_[at++];
    enter(item);
    if (!item.has_request || answered_unrun(request_of(item), result_of(item))) continue;
    switch (runner_.run_in_group(request_of(item), result_of(item))) {
      case RequestRunner::Outcome::kDone:
        keep(request_of(item), result_of(item));
        break;
      case RequestRunner::Outcome::kTrouble:
        return give_up(mark, runner_.trouble());
      case RequestRunner::Outcome::kUngroup:
        ungrouped_++;
        RETURN_IF_ERROR(give_up(mark, {}));
        return run_alone(at);
    }
  }
  const sqlite::Error committed = connection.execute("COMMIT");
  if (!committed.ok()) return give_up(mark, sqlite::status_of(committed, "apply"));
  commit_kept();
  groups_++;
  next_ = at;
  return {};
}

bool GroupApply::answered_unrun(BytesView request, command::RequestResult& result) {
  const command::RequestReader reader(request);
  if (!reader.refusal().empty()) {
    result.error = reader.refusal();
    return true;
  }
  if (reader.key().empty()) return false;
  std::optional<command::RequestResult> known =
      outcomes_.keys().find(reader.key(), fingerprint_of(reader.statements(), reader.flags()));
  if (!known) return false;
  result = std::move(*known);
  return true;
}

void GroupApply::keep(BytesView request, const command::RequestResult& result) {
  const command::RequestReader reader(request);
  add_to(counts_, reader.flags(), result);
  if (reader.key().empty()) return;
  outcomes_.keys().add(reader.key(), fingerprint_of(reader.statements(), reader.flags()), result);
}

void GroupApply::commit_kept() {
  outcomes_.commit_keys();
  writer_.count(std::exchange(counts_, {}));
}

// Undoes the group that failed and passes `why` on, unless undoing fails too.
Status GroupApply::give_up(const Writer::Mark& mark, const Status& why) {
  sqlite::Connection& connection = writer_.connection();
  outcomes_.roll_back_keys();
  counts_ = {};
  for (std::size_t i = next_; i < items_.size(); i++) {
    if (items_[i].has_request) result_of(items_[i]) = {};
  }
  if (!connection.is_autocommit()) {
    const sqlite::Error error = connection.execute("ROLLBACK");
    // A full disk may have ended the transaction already.
    if (!error.ok() && !connection.is_autocommit()) return sqlite::status_of(error, "roll back");
  }
  (void)connection.take_session_changed();  // whatever it was, it is undone
  RETURN_IF_ERROR(writer_.put_back(mark));
  return why;
}

Status GroupApply::run_alone(std::size_t end) {
  while (next_ < end) {
    const Item& item = items_[next_];
    const Writer::Mark mark = writer_.mark();
    enter(item);
    if (item.has_request && !answered_unrun(request_of(item), result_of(item))) {
      const RequestRunner::Outcome outcome = runner_.run_alone(request_of(item), result_of(item));
      CHECK(outcome != RequestRunner::Outcome::kUngroup);
      if (outcome == RequestRunner::Outcome::kTrouble) {
        can_retry_ = !runner_.partly_committed();
        return give_up(mark, runner_.trouble());
      }
      keep(request_of(item), result_of(item));
      commit_kept();
    }
    next_++;
  }
  return {};
}

}  // namespace rqlite::store
