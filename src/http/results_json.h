#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "command/result.h"
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
  // The whole text, or, if a value cannot be written as JSON at all, why.
  struct Text {
    Bytes json;
    std::string impossible;
  };
  Text finish(const Envelope& envelope) &&;

 private:
  void begin_result();
  void add_array_row(std::span<const sqlite::ValueView> values);
  void add_object_row(std::span<const sqlite::ValueView> values);
  void append_value(std::size_t column, const sqlite::ValueView& value);
  void append_time(double seconds);
  void plan_objects();

  const ResultFormat format_;
  Bytes json_ = "{\"results\":[";
  bool any_ = false;
  std::string impossible_;

  // Of the result that is being written.
  bool open_ = false;
  std::size_t start_ = 0;
  std::vector<std::string> names_;
  std::vector<std::string> types_;
  std::vector<ColumnFormat> columns_;
  std::vector<std::size_t> order_;  // of an object's members: by name, the last of equal ones
  std::uint64_t rows_ = 0;
  std::string row_error_;       // a value that fails the statement
  std::string row_impossible_;  // a value that fails the reply, unless the rows are void
};

}  // namespace rqlite::http
