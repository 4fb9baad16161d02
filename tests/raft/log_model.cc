#include "raft/log_model.h"

#include <fmt/format.h>

#include <utility>

namespace rqlite::raft {

LogEntry::LogEntry(const EntryView& view)
    : index(view.index), term(view.term), kind(view.kind), data(view.data) {}

const LogEntry* LogContent::find(Index index) const {
  if (index <= before || index > last()) return nullptr;
  return &entries[index.value() - entries.front().index.value()];
}

std::optional<Term> LogContent::term(Index index) const {
  if (index == before) return before_term;
  const LogEntry* entry = find(index);
  return entry == nullptr ? std::nullopt : std::optional(entry->term);
}

void LogContent::cut_behind(Index last) {
  while (!entries.empty() && entries.back().index > last) entries.pop_back();
}

void LogContent::put(const LogEntry& entry) {
  cut_behind(Index(entry.index.value() - 1));
  CHECK(entries.empty() || entries.back().index.next() == entry.index);
  entries.push_back(entry);
}

LogContent LogContent::behind(const Snapshot& snapshot) const {
  LogContent rest{hard_state, snapshot.index, snapshot.term, {}};
  if (term(snapshot.index) != snapshot.term) return rest;
  for (const LogEntry& entry : entries) {
    if (entry.index > snapshot.index) rest.entries.push_back(entry);
  }
  return rest;
}

std::string LogContent::to_string() const {
  std::string text = fmt::format("term {} vote {} commit {}, after {}:{}:", hard_state.term.value(),
                                 hard_state.vote.value(), hard_state.commit.value(), before.value(),
                                 before_term.value());
  for (const LogEntry& entry : entries) {
    text += fmt::format(" {}:{}", entry.index.value(), entry.term.value());
  }
  return text;
}

void LogModel::append(const std::optional<HardState>& hard_state,
                      std::span<const EntryView> entries) {
  restart_.reset();
  hard_state_ = hard_state;
  entries_.clear();
  for (const EntryView& entry : entries) entries_.push_back(LogEntry(entry));
}

void LogModel::restart_after(Index index, Term term) {
  append({}, {});
  restart_ = {index, term};
}

void LogModel::acknowledge() {
  if (restart_) acknowledged_ = {acknowledged_.hard_state, restart_->index, restart_->term, {}};
  if (hard_state_) acknowledged_.hard_state = *hard_state_;
  for (const LogEntry& entry : entries_) acknowledged_.put(entry);
  append({}, {});
}

template <typename Each>
bool LogModel::any_step(const Each& each) const {
  LogContent step = acknowledged_;
  if (each(step)) return true;
  if (restart_) {
    step = {acknowledged_.hard_state, restart_->index, restart_->term, {}};
    if (each(step)) return true;
  }
  if (hard_state_) step.hard_state = *hard_state_;
  if (!entries_.empty()) step.cut_behind(Index(entries_.front().index.value() - 1));
  if (each(step)) return true;
  for (const LogEntry& entry : entries_) {
    step.put(entry);
    if (each(step)) return true;
  }
  return false;
}

std::string LogModel::complaint(const Snapshot& snapshot, const LogContent& found) const {
  LogContent last;
  const bool expected = any_step([&](const LogContent& step) {
    last = step;
    return found == step.behind(snapshot);
  });
  if (expected) return "";
  return "found " + found.to_string() + "\nacknowledged was " + acknowledged_.to_string() +
         "\nbeing written was " + last.to_string();
}

void LogModel::adopt(LogContent found) {
  append({}, {});
  acknowledged_ = std::move(found);
}

}  // namespace rqlite::raft
