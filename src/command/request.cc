#include "command/request.h"

namespace rqlite::command {
namespace {

enum RequestField : protozero::pbf_tag_type { kFlags = 1, kStatement = 2 };
enum StatementField : protozero::pbf_tag_type {
  kSql = 1,
  kNull = 2,
  kInteger = 3,
  kReal = 4,
  kText = 5,
  kBlob = 6,
  kName = 7,
};
enum FlagBits : std::uint32_t { kTransaction = 1, kTimings = 2 };

BytesView bytes_of(protozero::data_view view) { return {view.data(), view.size()}; }

}  // namespace

RequestBuilder::RequestBuilder(Bytes& to, RequestFlags flags)
    : batch_(to), request_(batch_, kRequestField) {
  const std::uint32_t bits =
      (flags.transaction ? kTransaction : 0u) | (flags.timings ? kTimings : 0u);
  if (bits != 0) request_.add_uint32(kFlags, bits);
}

void RequestBuilder::abandon() {
  statement_.reset();
  request_.rollback();
}

void RequestBuilder::begin_statement(BytesView sql) {
  statement_.reset();  // the writer of a submessage completes it as it goes
  statement_.emplace(request_, kStatement);
  sql = sql.substr(0, sql.find('\0'));
  if (statements_++ == 0 || sql != last_sql_) {
    statement_->add_bytes(kSql, sql.data(), sql.size());
    last_sql_ = sql;
  }
}

void RequestBuilder::add_value(const sqlite::ValueView& value) {
  switch (value.type) {
    case sqlite::ValueType::kNull:
      statement_->add_uint32(kNull, 0);
      break;
    case sqlite::ValueType::kInteger:
      statement_->add_sint64(kInteger, value.integer);
      break;
    case sqlite::ValueType::kReal:
      statement_->add_double(kReal, value.real);
      break;
    case sqlite::ValueType::kText:
      statement_->add_bytes(kText, value.bytes.data(), value.bytes.size());
      break;
    case sqlite::ValueType::kBlob:
      statement_->add_bytes(kBlob, value.bytes.data(), value.bytes.size());
      break;
  }
}

void RequestBuilder::add_name(BytesView name) {
  statement_->add_bytes(kName, name.data(), name.size());
}

RequestReader::RequestReader(BytesView request) : reader_(request.data(), request.size()) {
  // The flags come first, so they are known before the first statement is asked for.
  try {
    protozero::pbf_reader first = reader_;
    if (!first.next(kFlags, protozero::pbf_wire_type::varint)) return;
    const std::uint32_t bits = first.get_uint32();
    flags_.transaction = (bits & kTransaction) != 0;
    flags_.timings = (bits & kTimings) != 0;
  } catch (const protozero::exception&) {
    ok_ = false;
  }
}

bool RequestReader::next() {
  if (!ok_) return false;
  try {
    while (reader_.next()) {
      if (reader_.tag_and_type() ==
          protozero::tag_and_type(kStatement, protozero::pbf_wire_type::length_delimited)) {
        read_statement(reader_.get_message());
        return true;
      }
      reader_.skip();
    }
  } catch (const protozero::exception&) {
    ok_ = false;
  }
  return false;
}

void RequestReader::read_statement(protozero::pbf_reader statement) {
  parameters_.clear();
  BytesView name;
  auto add = [&](const sqlite::ValueView& value) {
    parameters_.push_back({name, value});
    name = {};
  };
  while (statement.next()) {
    switch (statement.tag()) {
      case kSql:
        sql_ = bytes_of(statement.get_view());
        break;
      case kNull:
        statement.skip();
        add(sqlite::ValueView::null());
        break;
      case kInteger:
        add(sqlite::ValueView::of_integer(statement.get_sint64()));
        break;
      case kReal:
        add(sqlite::ValueView::of_real(statement.get_double()));
        break;
      case kText:
        add(sqlite::ValueView::of_text(bytes_of(statement.get_view())));
        break;
      case kBlob:
        add(sqlite::ValueView::of_blob(bytes_of(statement.get_view())));
        break;
      case kName:
        name = bytes_of(statement.get_view());
        break;
      default:
        statement.skip();
    }
  }
}

}  // namespace rqlite::command
