#include "http/results_json.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "command/rows.h"
#include "http/json_text.h"

namespace rqlite::http {
namespace {

void append_string_array(Bytes& to, const std::vector<std::string>& strings) {
  to += '[';
  for (std::size_t i = 0; i < strings.size(); i++) {
    if (i > 0) to += ',';
    append_json_string(to, strings[i]);
  }
  to += ']';
}

}  // namespace

void ResultsJson::begin_result() {
  if (std::exchange(any_, true)) json_ += ',';
  start_ = json_.size();
  start_taken_ = false;
  rows_ = 0;
  row_error_.clear();
  row_impossible_.clear();
}

void ResultsJson::append_time(double seconds) {
  if (seconds == 0) return;
  if (json_.back() != '{') json_ += ',';
  json_ += "\"time\":";
  append_json_real(json_, seconds);
}

void ResultsJson::add(const command::StatementResult& result) {
  if (result.rows && !result.error.empty()) return fail_rows(result.error);
  if (result.rows) {
    begin_rows(result.rows->columns, result.rows->types);
    command::ValuesReader values(result.rows->values);
    std::vector<sqlite::ValueView> row(names_.size());
    for (std::uint64_t i = 0; i < result.rows->count; i++) {
      for (sqlite::ValueView& value : row) value = values.next();
      add_row(row);
    }
    return end_rows(result.seconds);
  }
  begin_result();
  json_ += '{';
  if (!result.error.empty()) {
    json_ += "\"error\":";
    append_json_string(json_, result.error);
    json_ += '}';
    return;
  }
  if (result.last_insert_id != 0) {
    json_ += "\"last_insert_id\":";
    append_json_integer(json_, result.last_insert_id);
  }
  if (result.rows_affected != 0) {
    if (json_.back() != '{') json_ += ',';
    json_ += "\"rows_affected\":";
    append_json_integer(json_, result.rows_affected);
  }
  append_time(result.seconds);
  if (format_.associative) json_ += json_.back() == '{' ? "\"rows\":null" : ",\"rows\":null";
  json_ += '}';
}

void ResultsJson::begin_rows(std::vector<std::string> names, std::vector<std::string> types) {
  begin_result();
  open_ = true;
  names_ = std::move(names);
  types_ = std::move(types);
  columns_.clear();
  for (const std::string& type : types_) columns_.emplace_back(type);
  json_ += '{';
  if (!format_.associative) {
    if (names_.empty()) return;
    json_ += "\"columns\":";
    append_string_array(json_, names_);
    json_ += ",\"types\":";
    append_string_array(json_, types_);
    return;
  }
  plan_objects();
  if (!order_.empty()) {
    json_ += "\"types\":{";
    for (std::size_t i : order_) {
      if (json_.back() != '{') json_ += ',';
      append_json_string(json_, names_[i]);
      json_ += ':';
      append_json_string(json_, types_[i]);
    }
    json_ += "},";
  }
  json_ += "\"rows\":[";
}

void ResultsJson::plan_objects() {
  order_.resize(names_.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::sort(order_.begin(), order_.end(), [this](std::size_t a, std::size_t b) {
    return std::tie(names_[a], a) < std::tie(names_[b], b);
  });
  // Of equal names the last column stays.
  std::vector<std::size_t> unique;
  for (std::size_t i = 0; i < order_.size(); i++) {
    const bool last = i + 1 == order_.size() || names_[order_[i]] != names_[order_[i + 1]];
    if (last) unique.push_back(order_[i]);
  }
  order_ = std::move(unique);
}

void ResultsJson::add_row(std::span<const sqlite::ValueView> values) {
  if (!row_error_.empty()) return;
  const std::size_t before = json_.size();
  if (format_.associative) {
    add_object_row(values);
  } else {
    add_array_row(values);
  }
  if (row_error_.empty()) {
    rows_++;
  } else {
    json_.resize(before);
  }
}

void ResultsJson::add_array_row(std::span<const sqlite::ValueView> values) {
  json_ += rows_ == 0 ? ",\"values\":[[" : ",[";
  for (std::size_t i = 0; i < values.size(); i++) {
    if (i > 0) json_ += ',';
    append_value(i, values[i]);
  }
  json_ += ']';
}

void ResultsJson::add_object_row(std::span<const sqlite::ValueView> values) {
  json_ += rows_ == 0 ? "{" : ",{";
  bool first = true;
  for (std::size_t i : order_) {
    if (!std::exchange(first, false)) json_ += ',';
    append_json_string(json_, names_[i]);
    json_ += ':';
    append_value(i, values[i]);
  }
  json_ += '}';
}

void ResultsJson::append_value(std::size_t column, const sqlite::ValueView& value) {
  const Status status = columns_[column].append(json_, value, format_.blob_array);
  if (status.ok()) return;
  json_ += "null";
  if (status.code() == Code::kInvalid || taken_) {
    row_error_ = status.text();
  } else if (row_impossible_.empty()) {
    row_impossible_ = status.text();
  }
}

void ResultsJson::end_rows(double seconds) {
  if (!row_error_.empty()) return fail_rows(std::exchange(row_error_, {}));
  if (format_.associative || rows_ > 0) json_ += ']';
  append_time(seconds);
  json_ += '}';
  open_ = false;
  if (impossible_.empty()) impossible_ = std::move(row_impossible_);
}

void ResultsJson::fail_rows(const std::string& error) {
  const bool open = std::exchange(open_, false);
  if (open && start_taken_) {
    if (format_.associative || rows_ > 0) json_ += ']';
    json_ += json_.back() == '{' ? "\"error\":" : ",\"error\":";
  } else {
    if (open) {
      json_.resize(start_);
    } else {
      begin_result();
    }
    json_ += format_.associative ? "{\"rows\":[],\"error\":" : "{\"error\":";
  }
  append_json_string(json_, error);
  json_ += '}';
}

Bytes ResultsJson::shaped(Bytes compact) {
  if (!format_.pretty) return compact;
  Bytes text;
  indenter_.append(text, compact);
  return text;
}

ResultsJson::Text ResultsJson::take() {
  Text text;
  text.impossible = impossible_.empty() && open_ ? row_impossible_ : impossible_;
  taken_ = true;
  start_taken_ = true;
  // The last byte stays: what comes next depends on it.
  const char last = json_.back();
  json_.pop_back();
  text.json = shaped(std::exchange(json_, Bytes(1, last)));
  return text;
}

ResultsJson::Text ResultsJson::finish(const Envelope& envelope) && {
  Text text;
  if (!envelope.error.empty() && !taken_) {
    json_ = "{\"results\":[";
  } else {
    text.impossible = std::move(impossible_);
  }
  json_ += ']';
  if (!envelope.error.empty()) {
    json_ += ",\"error\":";
    append_json_string(json_, envelope.error);
  }
  if (envelope.seconds && *envelope.seconds != 0) {
    json_ += ",\"time\":";
    append_json_real(json_, *envelope.seconds);
  }
  if (envelope.sequence_number) {
    json_ += ",\"sequence_number\":";
    json_ += std::to_string(*envelope.sequence_number);
  }
  if (envelope.raft_index != 0) {
    json_ += ",\"raft_index\":";
    json_ += std::to_string(envelope.raft_index);
  }
  json_ += '}';
  text.json = shaped(std::move(json_));
  return text;
}

}  // namespace rqlite::http
