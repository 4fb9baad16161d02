#include "command/result.h"

#include <algorithm>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace rqlite::command {
namespace {

// Field numbers are never used again for something else: snapshots hold them.
enum ResultField : protozero::pbf_tag_type { kError = 1, kStatement = 2 };
enum StatementField : protozero::pbf_tag_type {
  kLastInsertId = 1,
  kRowsAffected = 2,
  kStatementError = 3,
  kRows = 4,
};
enum RowsField : protozero::pbf_tag_type { kColumn = 1, kType = 2, kValues = 3, kCount = 4 };

// A field as it must be encoded: another encoding of the same field is as unknown as any.
constexpr std::uint32_t number(protozero::pbf_tag_type tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::varint);
}
constexpr std::uint32_t bytes(protozero::pbf_tag_type tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::length_delimited);
}

void encode_statement(protozero::pbf_writer& to, const StatementResult& statement) {
  // Always there, so that a statement is never an empty message, which is left out.
  to.add_sint64(kLastInsertId, statement.last_insert_id);
  if (statement.rows_affected != 0) to.add_sint64(kRowsAffected, statement.rows_affected);
  if (!statement.error.empty()) to.add_string(kStatementError, statement.error);
  if (!statement.rows) return;
  protozero::pbf_writer rows(to, kRows);
  rows.add_uint64(kCount, statement.rows->count);
  for (const std::string& name : statement.rows->columns) rows.add_string(kColumn, name);
  for (const std::string& type : statement.rows->types) rows.add_string(kType, type);
  rows.add_bytes(kValues, statement.rows->values);
}

std::unique_ptr<Rows> decode_rows(protozero::pbf_reader reader) {
  auto rows = std::make_unique<Rows>();
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes(kColumn):
        rows->columns.push_back(reader.get_string());
        break;
      case bytes(kType):
        rows->types.push_back(reader.get_string());
        break;
      case bytes(kValues):
        rows->values = reader.get_bytes();
        break;
      case number(kCount):
        rows->count = reader.get_uint64();
        break;
      default:
        reader.skip();
    }
  }
  return rows;
}

StatementResult decode_statement(protozero::pbf_reader reader) {
  StatementResult statement;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case number(kLastInsertId):
        statement.last_insert_id = reader.get_sint64();
        break;
      case number(kRowsAffected):
        statement.rows_affected = reader.get_sint64();
        break;
      case bytes(kStatementError):
        statement.error = reader.get_string();
        break;
      case bytes(kRows):
        statement.rows = decode_rows(reader.get_message());
        break;
      default:
        reader.skip();
    }
  }
  return statement;
}

}  // namespace

bool RequestResult::ok() const {
  return error.empty() &&
         std::all_of(statements.begin(), statements.end(),
                     [](const StatementResult& each) { return each.error.empty(); });
}

Bytes encode_result(const RequestResult& result) {
  Bytes encoded;
  protozero::pbf_writer writer(encoded);
  if (!result.error.empty()) writer.add_string(kError, result.error);
  for (const StatementResult& each : result.statements) {
    protozero::pbf_writer statement(writer, kStatement);
    encode_statement(statement, each);
  }
  return encoded;
}

std::optional<RequestResult> decode_result(BytesView encoded) {
  RequestResult result;
  try {
    protozero::pbf_reader reader(encoded.data(), encoded.size());
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case bytes(kError):
          result.error = reader.get_string();
          break;
        case bytes(kStatement):
          result.statements.push_back(decode_statement(reader.get_message()));
          break;
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::nullopt;
  }
  return result;
}

}  // namespace rqlite::command
