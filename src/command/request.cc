#include "command/request.h"

#include "base/check.h"

namespace rqlite::command {
namespace {

enum RequestField : protozero::pbf_tag_type {
  kFlags = 1,
  kStatement = 2,
  kKey = 3,
  kRefusal = 4,
  kRunsMax = 5,
};
enum StatementField : protozero::pbf_tag_type {
  kSql = 1,
  kNull = 2,
  kInteger = 3,
  kReal = 4,
  kText = 5,
  kBlob = 6,
  kName = 7,
};
enum FlagBits : std::uint32_t { kTransaction = 1, kTimings = 2, kUnified = 4, kQualify = 8 };

std::uint32_t bits_of(RequestFlags flags) {
  return (flags.transaction ? kTransaction : 0u) | (flags.timings ? kTimings : 0u) |
         (flags.unified ? kUnified : 0u) | (flags.qualify_columns ? kQualify : 0u);
}

RequestFlags flags_of(std::uint32_t bits) {
  return {.transaction = (bits & kTransaction) != 0,
          .timings = (bits & kTimings) != 0,
          .unified = (bits & kUnified) != 0,
          .qualify_columns = (bits & kQualify) != 0};
}

BytesView bytes_of(protozero::data_view view) { return {view.data(), view.size()}; }

}  // namespace

RequestBuilder::RequestBuilder(Bytes& to, RequestFlags flags, BytesView key)
    : batch_(to), request_(batch_, kRequestField) {
  if (!key.empty()) request_.add_bytes(kKey, key.data(), key.size());
  const std::uint32_t bits = bits_of(flags);
  if (bits != 0) request_.add_uint32(kFlags, bits);
}

RequestBuilder::~RequestBuilder() { end_statement(); }

void RequestBuilder::abandon() {
  statement_.reset();
  request_.rollback();
}

void RequestBuilder::begin_statement(BytesView sql) {
  end_statement();
  statement_.emplace(request_, kStatement);
  sql = sql.substr(0, sql.find('\0'));
  statement_is_empty_ = statements_++ > 0 && sql == last_sql_;
  if (!statement_is_empty_) {
    statement_->add_bytes(kSql, sql.data(), sql.size());
    last_sql_ = sql;
  }
}

void RequestBuilder::end_statement() {
  // Protozero leaves out a submessage without fields, and the statement would be gone.
  if (statement_ && statement_is_empty_) {
    statement_->add_bytes(kSql, last_sql_.data(), last_sql_.size());
  }
  statement_.reset();  // the writer of a submessage completes it as it goes
}

void RequestBuilder::add_value(const sqlite::ValueView& value) {
  statement_is_empty_ = false;
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
  statement_is_empty_ = false;
  statement_->add_bytes(kName, name.data(), name.size());
}

void append_empty_request(Bytes& to) {
  protozero::pbf_writer batch(to);
  batch.add_bytes(kRequestField, "", 0);
}

void append_refused_request(Bytes& to, BytesView why) {
  protozero::pbf_writer batch(to);
  protozero::pbf_writer request(batch, kRequestField);
  request.add_bytes(kRefusal, why.data(), why.size());
}

Bytes limited_to(BytesView batch, std::size_t runs_max) {
  protozero::pbf_reader reader(batch.data(), batch.size());
  CHECK(reader.next(kRequestField));
  Bytes content;
  protozero::pbf_writer front(content);
  front.add_uint64(kRunsMax, runs_max);
  content += bytes_of(reader.get_view());
  Bytes limited;
  protozero::pbf_writer writer(limited);
  writer.add_bytes(kRequestField, content);
  return limited;
}

std::size_t statements_in(BytesView batch) {
  std::size_t statements = 0;
  try {
    protozero::pbf_reader requests(batch.data(), batch.size());
    while (requests.next(kRequestField)) {
      protozero::pbf_reader request(requests.get_view());
      for (; request.next(kStatement); request.skip()) statements++;
    }
  } catch (const protozero::exception&) {
    return statements;
  }
  return statements;
}

bool is_batch(BytesView bytes) {
  std::size_t requests = 0;
  try {
    protozero::pbf_reader reader(bytes.data(), bytes.size());
    for (; reader.next(); requests++) {
      if (reader.tag() != kRequestField ||
          reader.wire_type() != protozero::pbf_wire_type::length_delimited) {
        return false;
      }
      RequestReader request(bytes_of(reader.get_view()));
      while (request.ok() && request.next()) {
      }
      if (!request.ok()) return false;
    }
  } catch (const protozero::exception&) {
    return false;
  }
  return requests > 0;
}

RequestReader::RequestReader(BytesView request) : reader_(request.data(), request.size()) {
  using protozero::pbf_wire_type;
  using protozero::tag_and_type;
  // What stands in front is known before the first statement is asked for.
  try {
    protozero::pbf_reader at = reader_;
    for (std::size_t left = at.length(); at.next(); left = at.length()) {
      switch (at.tag_and_type()) {
        case tag_and_type(kKey, pbf_wire_type::length_delimited):
          key_ = bytes_of(at.get_view());
          break;
        case tag_and_type(kFlags, pbf_wire_type::varint):
          flags_ = flags_of(at.get_uint32());
          break;
        case tag_and_type(kRunsMax, pbf_wire_type::varint):
          runs_max_ = at.get_uint64();
          break;
        case tag_and_type(kRefusal, pbf_wire_type::length_delimited):
          refusal_ = bytes_of(at.get_view());
          break;
        case tag_and_type(kStatement, pbf_wire_type::length_delimited):
          statements_ = request.substr(request.size() - left);
          return;
        default:
          at.skip();
      }
    }
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
  using protozero::pbf_wire_type;
  using protozero::tag_and_type;
  while (statement.next()) {
    switch (statement.tag_and_type()) {
      case tag_and_type(kSql, pbf_wire_type::length_delimited):
        sql_ = bytes_of(statement.get_view());
        break;
      case tag_and_type(kNull, pbf_wire_type::varint):
        statement.skip();
        add(sqlite::ValueView::null());
        break;
      case tag_and_type(kInteger, pbf_wire_type::varint):
        add(sqlite::ValueView::of_integer(statement.get_sint64()));
        break;
      case tag_and_type(kReal, pbf_wire_type::fixed64):
        add(sqlite::ValueView::of_real(statement.get_double()));
        break;
      case tag_and_type(kText, pbf_wire_type::length_delimited):
        add(sqlite::ValueView::of_text(bytes_of(statement.get_view())));
        break;
      case tag_and_type(kBlob, pbf_wire_type::length_delimited):
        add(sqlite::ValueView::of_blob(bytes_of(statement.get_view())));
        break;
      case tag_and_type(kName, pbf_wire_type::length_delimited):
        name = bytes_of(statement.get_view());
        break;
      default:
        statement.skip();
    }
  }
}

}  // namespace rqlite::command
