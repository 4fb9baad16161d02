#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "command/result.h"
#include "http/json_text.h"
#include "http/value_json.h"
#include "sqlite/value.h"

namespace rqlite::http {

// How the client wants its results.
struct ResultFormat {
  bool associative = false;
  bool blob_array = false;
  bool pretty = false;
};

// Writes the reply's JSON: {"results":[…],"error":…,"time":…,"sequence_number":…,"raft_index":…},
// each statement's result as it becomes known. Not thread-safe.
class ResultsJson {
 public:
  explicit ResultsJson(ResultFormat format) : format_(format) {}

  // A whole result at once.
  void add(const command::StatementResult& result);

  // A result row by row: columns, rows, then one of the two ends. A failed one loses its rows,
  // and may come without columns.
  void begin_rows(std::vector<std::string> names, std::vector<std::string> types);
  void add_row(std::span<const sqlite::ValueView> values);
  void end_rows(double seconds);
  void fail_rows(const std::string& error);

  struct Envelope {
    std::string error;  // of the request as a whole: the results are left out
    std::optional<double> seconds;
    std::optional<std::uint64_t> sequence_number;
    std::uint64_t raft_index = 0;  // left out if 0
  };
  // The text, or, if a value cannot be written as JSON at all, why.
  struct Text {
    Bytes json;
    std::string impossible;
  };

  // The bytes that wait for take() or finish().
  [[nodiscard]] std::size_t size() const { return json_.size(); }
  // The text so far, to be sent while the rest is being read; not inside add(). What would have
  // made it void stands behind it from now on: the error of a statement behind its rows, that of
  // the request behind the results, and a value that cannot be written fails its statement.
  Text take();
  // The rest of the text, which is all of it without take().
  Text finish(const Envelope& envelope) &&;

 private:
  [[nodiscard]] Bytes shaped(Bytes compact);
  void begin_result();
  void add_array_row(std::span<const sqlite::ValueView> values);
  void add_object_row(std::span<const sqlite::ValueView> values);
  void append_value(std::size_t column, const sqlite::ValueView& value);
  void append_time(double seconds);
  void plan_objects();

  ResultFormat format_;
  Bytes json_ = "{\"results\":[";
  bool any_ = false;
  bool taken_ = false;  // some of the text
  std::string impossible_;
  JsonIndenter indenter_;

  // Of the result that is being written.
  bool open_ = false;
  std::size_t start_ = 0;     // in json_, unless
  bool start_taken_ = false;  // it is gone
  std::vector<std::string> names_;
  std::vector<std::string> types_;
  std::vector<ColumnFormat> columns_;
  std::vector<std::size_t> order_;  // of an object's members: by name, the last of equal ones
  std::uint64_t rows_ = 0;
  std::string row_error_;       // a value that fails the statement
  std::string row_impossible_;  // a value that fails the reply, unless the rows are void
};

}  // namespace rqlite::http
