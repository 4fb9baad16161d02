#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "sqlite/connection.h"
#include "sqlite/statement.h"
#include "sqlite/value.h"

namespace rqlite::sqlite {

// Takes the next piece of a text, whose bytes live until it returns. Not ok: no more is wanted.
using TextSink = std::function<Status(std::string_view piece)>;

// Writes SQL text into a sink, in pieces of kPieceBytes, so that a value of any size costs no copy
// of its own. After the sink refused once it is not called again and everything else is dropped.
class SqlWriter {
 public:
  static constexpr std::size_t kPieceBytes = 64 * 1024;

  // `connection` tells how its SQLite writes numbers. Both must outlive the writer.
  SqlWriter(Connection& connection, const TextSink& sink);

  // As it is.
  void text(std::string_view text);

  // As a literal, which reads as the same value again: what SQLite's quote() says, but for
  // infinity, which is 9.0e+999 in all versions, for text with a NUL, where quote() stops, and for
  // some of the largest and smallest numbers, which this SQLite does not read as quote() says them.
  void value(const ValueView& value);

  // Whether the sink took all that it was offered.
  [[nodiscard]] const Status& status() const { return status_; }

  // Hands over what is left.
  Status finish();

 private:
  void real(double value);
  void text_literal(std::string_view text);
  // Between quotes, with those inside doubled and NUL as `nul`.
  void quoted(std::string_view text, std::string_view nul);
  void blob_literal(BytesView bytes);
  void flush();

  Connection& connection_;
  const TextSink& sink_;
  Statement quote_;
  std::string piece_;  // not handed over yet
  Status status_;
};

// `name` between double quotes.
std::string quoted_name(std::string_view name);

}  // namespace rqlite::sqlite
