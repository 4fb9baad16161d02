#include "sqlite/statement_cache.h"

namespace rqlite::sqlite {

StatementCache::Entry* StatementCache::find(std::string_view sql) {
  // Bulk requests repeat one text: then the search is a comparison.
  if (!entries_.empty() && entries_.front().sql == sql) return &entries_.front();
  if (const auto found = by_sql_.find(sql); found != by_sql_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return &entries_.front();
  }
  if (sql.size() > limits_.sql_bytes_max) return nullptr;
  const SqlShape shape = shape_of(sql);
  if (is_answered_when_prepared(shape.first)) return nullptr;
  bytes_ += cost(sql);
  while (bytes_ > limits_.bytes_max && !entries_.empty()) {
    bytes_ -= cost(entries_.back().sql);
    by_sql_.erase(entries_.back().sql);
    entries_.pop_back();
  }
  entries_.push_front({std::string(sql), shape, Statement()});
  by_sql_.emplace(entries_.front().sql, entries_.begin());
  return &entries_.front();
}

void StatementCache::forget_prepared() {
  for (Entry& entry : entries_) entry.statement = Statement();
}

void StatementCache::clear() {
  by_sql_.clear();
  entries_.clear();
  bytes_ = 0;
}

}  // namespace rqlite::sqlite
