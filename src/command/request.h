#pragma once

#include <cstdint>
#include <optional>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "sqlite/value.h"

namespace rqlite::command {

// How a request is to be executed; what the client asked for and every replica needs to know.
struct RequestFlags {
  bool transaction = false;  // all or nothing
  bool timings = false;      // results carry how long each statement took
};

// The wire form of a client's request to write, in protobuf's encoding. It is made once, from the
// request's body, and stays as it is in the queue, in the log and on the way to other nodes.
//
//   Request                            Statement
//     1 varint  flags                    1 bytes    SQL; absent: as in the statement before
//     2 bytes   Statement, repeated      2 varint   a parameter: NULL
//                                        3 sint64   a parameter: INTEGER
//   flags: 1 transaction, 2 timings      4 double   a parameter: REAL
//                                        5 bytes    a parameter: TEXT
//   A message's fields keep their        6 bytes    a parameter: BLOB
//   order, so parameters of all types    7 bytes    name of the parameter that follows
//   stand in theirs.
//
// A batch is a sequence of requests, each as one field kRequestField: the concatenation of two
// encoded batches is the encoding of their merge.
inline constexpr protozero::pbf_tag_type kRequestField = 10;

// Encodes one request onto the end of `to`. The request is complete when the builder goes.
class RequestBuilder {
 public:
  RequestBuilder(Bytes& to, RequestFlags flags);
  ~RequestBuilder();
  RequestBuilder(const RequestBuilder&) = delete;
  RequestBuilder& operator=(const RequestBuilder&) = delete;
  // Leaves `to` without the request: it turned out not to be one.
  void abandon();

  // Ends the statement before. Texts that SQLite would not see, behind a NUL, are dropped.
  void begin_statement(BytesView sql);
  // Of the current statement, in order; add_name() comes before the value it names.
  void add_value(const sqlite::ValueView& value);
  void add_name(BytesView name);

  [[nodiscard]] std::size_t statements() const { return statements_; }

 private:
  void end_statement();

  protozero::pbf_writer batch_;
  protozero::pbf_writer request_;
  std::optional<protozero::pbf_writer> statement_;  // the one being written
  bool statement_is_empty_ = false;                 // as yet
  Bytes last_sql_;
  std::size_t statements_ = 0;
};

// A parameter as a statement carries it; views into the encoded request.
struct Parameter {
  BytesView name;  // without prefix; empty: positional
  sqlite::ValueView value;
};

// Reads the statements of one encoded request in order.
class RequestReader {
 public:
  // `request` is the content of one kRequestField and must outlive the reader. Not ok() if it is
  // not a request; nothing it returns is to be used then.
  explicit RequestReader(BytesView request);

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] RequestFlags flags() const { return flags_; }

  // Moves to the next statement. False at the end, or if the request turns out to be malformed.
  bool next();
  [[nodiscard]] BytesView sql() const { return sql_; }
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }

 private:
  void read_statement(protozero::pbf_reader statement);

  protozero::pbf_reader reader_;
  bool ok_ = true;
  RequestFlags flags_;
  BytesView sql_;
  std::vector<Parameter> parameters_;
};

}  // namespace rqlite::command
