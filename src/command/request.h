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
  // Statements that only read return their rows; one that does not compile ends no transaction.
  bool unified = false;
  bool qualify_columns = false;  // rows of reads come as "table.column"

  friend bool operator==(const RequestFlags&, const RequestFlags&) = default;
};

// The wire form of a client's request to write, in protobuf's encoding. It is made once, from the
// request's body, and stays as it is in the queue, in the log and on the way to other nodes.
//
//   Request                            Statement
//     3 bytes   idempotency key          1 bytes    SQL; absent: as in the statement before
//     1 varint  flags                    2 varint   a parameter: NULL
//     2 bytes   Statement, repeated      3 sint64   a parameter: INTEGER
//     4 bytes   why it is not to run     4 double   a parameter: REAL
//     5 varint  of its statements, how   5 bytes    a parameter: TEXT
//               many run at most         6 bytes    a parameter: BLOB
//                                        7 bytes    name of the parameter that follows
//   flags: 1 transaction, 2 timings, 4 unified, 8 qualify_columns
//   A message's fields keep their order, so parameters of all types stand in theirs, and all else
//   stands in front of the statements.
//
// A batch is a sequence of requests, each as one field kRequestField: the concatenation of two
// encoded batches is the encoding of their merge.
inline constexpr protozero::pbf_tag_type kRequestField = 10;

// Encodes one request onto the end of `to`. The request is complete when the builder goes.
class RequestBuilder {
 public:
  // `key`, if not empty, makes it a request that is executed once, however often it comes.
  RequestBuilder(Bytes& to, RequestFlags flags, BytesView key = {});
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

// Encodes a request without statements: it does nothing, in its place.
void append_empty_request(Bytes& to);

// Encodes a request that stands for one which cannot be stored: it does nothing but fail with
// `why`, in its place.
void append_refused_request(Bytes& to, BytesView why);

// Of `batch`, which holds one request, the same of whose statements only the first `runs_max` run:
// the time of the others was up.
Bytes limited_to(BytesView batch, std::size_t runs_max);

// How many statements the requests of `batch` have; as far as it can be read, if it is malformed.
std::size_t statements_in(BytesView batch);

// Whether `bytes`, which come from another node, are one request or several and nothing else.
bool is_batch(BytesView bytes);

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
  // Empty if the request has none.
  [[nodiscard]] BytesView key() const { return key_; }
  // All statements as they are encoded: equal if and only if the statements are.
  [[nodiscard]] BytesView statements() const { return statements_; }
  // Not empty: the request is not to run, and this is its error.
  [[nodiscard]] BytesView refusal() const { return refusal_; }
  // Statements behind so many do not run: their time was up.
  [[nodiscard]] std::uint64_t runs_max() const { return runs_max_; }

  // Moves to the next statement. False at the end, or if the request turns out to be malformed.
  bool next();
  [[nodiscard]] BytesView sql() const { return sql_; }
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }

 private:
  void read_statement(protozero::pbf_reader statement);

  protozero::pbf_reader reader_;
  bool ok_ = true;
  RequestFlags flags_;
  BytesView key_;
  BytesView statements_;
  BytesView refusal_;
  std::uint64_t runs_max_ = UINT64_MAX;
  BytesView sql_;
  std::vector<Parameter> parameters_;
};

}  // namespace rqlite::command
