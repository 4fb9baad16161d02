#include "http/results_json.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

namespace rqlite::http {
namespace {

using namespace std::string_literals;
using command::Rows;
using command::StatementResult;
using sqlite::ValueView;

StatementResult write(std::int64_t id, std::int64_t rows, double seconds = 0) {
  StatementResult result;
  result.last_insert_id = id;
  result.rows_affected = rows;
  result.seconds = seconds;
  return result;
}

StatementResult error(std::string text) {
  StatementResult result;
  result.error = std::move(text);
  return result;
}

StatementResult rows_of(std::vector<std::string> columns, std::vector<std::string> types,
                        const std::vector<ValueView>& values, double seconds = 0) {
  StatementResult result;
  result.rows = std::make_unique<Rows>();
  for (const ValueView& each : values) result.rows->add(each);
  result.rows->count = columns.empty() ? 0 : values.size() / columns.size();
  result.rows->columns = std::move(columns);
  result.rows->types = std::move(types);
  result.seconds = seconds;
  return result;
}

StatementResult crew(double seconds = 0) {
  return rows_of({"id", "name"}, {"integer", "text"},
                 {ValueView::of_integer(1), ValueView::of_text("mira"), ValueView::of_integer(2),
                  ValueView::null()},
                 seconds);
}

ResultsJson::Envelope envelope(std::optional<double> seconds,
                               std::optional<std::uint64_t> number = std::nullopt,
                               std::uint64_t index = 0, std::string error = {}) {
  return {std::move(error), seconds, number, index};
}

class ResultsJsonTest : public ::testing::Test {
 protected:
  explicit ResultsJsonTest(ResultFormat format = {}) : json_(format) {}

  // The reply's text.
  std::string finish(const ResultsJson::Envelope& envelope = {}) {
    ResultsJson::Text text = std::move(json_).finish(envelope);
    return text.impossible.empty() ? text.json : "impossible: " + text.impossible;
  }
  // The one result, without what is around it.
  std::string only(const StatementResult& result) {
    json_.add(result);
    const std::string text = finish();
    EXPECT_TRUE(text.starts_with("{\"results\":[") && text.ends_with("]}")) << text;
    return text.substr(12, text.size() - 14);
  }

  ResultsJson json_;
};

class AssociativeTest : public ResultsJsonTest {
 protected:
  AssociativeTest() : ResultsJsonTest({.associative = true}) {}
};

// The envelope.

TEST_F(ResultsJsonTest, ResultsAreAlwaysThere) { EXPECT_EQ(finish(), R"({"results":[]})"); }

TEST_F(ResultsJsonTest, TheEnvelopesFieldsHaveTheirOrder) {
  json_.add(write(0, 0));
  EXPECT_EQ(
      finish(
          {.error = {}, .seconds = 0.5, .sequence_number = 1790000000000000001u, .raft_index = 6}),
      R"({"results":[{}],"time":0.5,"sequence_number":1790000000000000001,"raft_index":6})");
}

TEST_F(ResultsJsonTest, ATimeOfZeroAndAnIndexOfZeroAreLeftOut) {
  EXPECT_EQ(finish(envelope(0.0)), R"({"results":[]})");
}

TEST_F(ResultsJsonTest, ARequestsErrorLeavesItsResultsOut) {
  json_.add(write(1, 1));
  EXPECT_EQ(finish(envelope(0.5, 7, 0, "not <leader>")),
            R"({"results":[],"error":"not \u003cleader\u003e","time":0.5,"sequence_number":7})");
}

// Writes.

TEST_F(ResultsJsonTest, AWriteLeavesOutWhatIsZero) { EXPECT_EQ(only(write(0, 0)), "{}"); }
TEST_F(ResultsJsonTest, AWriteShowsItsIdItsRowsAndItsTime) {
  EXPECT_EQ(only(write(-1, 2, 0.25)), R"({"last_insert_id":-1,"rows_affected":2,"time":0.25})");
}
TEST_F(ResultsJsonTest, AWriteMayHaveATimeOnly) {
  EXPECT_EQ(only(write(0, 0, 0.25)), R"({"time":0.25})");
}
TEST_F(ResultsJsonTest, AWriteMayHaveRowsOnly) {
  EXPECT_EQ(only(write(0, 3)), R"({"rows_affected":3})");
}
TEST_F(AssociativeTest, AWriteEndsInRowsThatAreNull) {
  EXPECT_EQ(only(write(99, 1, 0.5)),
            R"({"last_insert_id":99,"rows_affected":1,"time":0.5,"rows":null})");
}
TEST_F(AssociativeTest, AnEmptyWriteIsRowsThatAreNull) {
  EXPECT_EQ(only(write(0, 0)), R"({"rows":null})");
}

// Errors.

TEST_F(ResultsJsonTest, AnErrorStandsAlone) {
  EXPECT_EQ(only(error(R"(near "x": syntax error)")), R"({"error":"near \"x\": syntax error"})");
}
TEST_F(AssociativeTest, AFailedWriteIsOnlyItsError) {
  EXPECT_EQ(only(error("no such table: t")), R"({"error":"no such table: t"})");
}
TEST_F(ResultsJsonTest, AFailedReadIsOnlyItsError) {
  json_.fail_rows("no such table: t");
  EXPECT_EQ(finish(), R"({"results":[{"error":"no such table: t"}]})");
}
TEST_F(AssociativeTest, AFailedReadHasNoRows) {
  json_.fail_rows("no such table: t");
  EXPECT_EQ(finish(), R"({"results":[{"rows":[],"error":"no such table: t"}]})");
}
TEST_F(ResultsJsonTest, AReadThatFailsHalfWayLosesItsRows) {
  json_.add(write(1, 1));
  json_.begin_rows({"id"}, {"integer"});
  json_.add_row(std::vector{ValueView::of_integer(1)});
  json_.fail_rows("integer overflow");
  json_.add(write(2, 1));
  EXPECT_EQ(finish(), R"({"results":[{"last_insert_id":1,"rows_affected":1},)"
                      R"({"error":"integer overflow"},{"last_insert_id":2,"rows_affected":1}]})");
}

// Rows.

TEST_F(ResultsJsonTest, RowsAreArraysUnderTheirColumns) {
  EXPECT_EQ(only(crew()), R"({"columns":["id","name"],"types":["integer","text"],)"
                          R"("values":[[1,"mira"],[2,null]]})");
}
TEST_F(ResultsJsonTest, RowsEndInTheirTime) {
  EXPECT_EQ(only(crew(0.5)), R"({"columns":["id","name"],"types":["integer","text"],)"
                             R"("values":[[1,"mira"],[2,null]],"time":0.5})");
}
TEST_F(ResultsJsonTest, WithoutRowsThereAreNoValues) {
  EXPECT_EQ(only(rows_of({"id", "x"}, {"integer", ""}, {})),
            R"({"columns":["id","x"],"types":["integer",""]})");
}
TEST_F(ResultsJsonTest, WithoutColumnsThereIsNothing) {
  EXPECT_EQ(only(rows_of({}, {}, {})), "{}");
}
TEST_F(ResultsJsonTest, NamesAreEscaped) {
  EXPECT_EQ(only(rows_of({"body->>'k'"}, {"te\"xt"}, {ValueView::of_text("v")})),
            R"({"columns":["body-\u003e\u003e'k'"],"types":["te\"xt"],"values":[["v"]]})");
}

TEST_F(AssociativeTest, RowsAreObjectsWithSortedNames) {
  EXPECT_EQ(
      only(rows_of({"name", "id", "Z"}, {"text", "integer", ""},
                   {ValueView::of_text("mira"), ValueView::of_integer(1), ValueView::null()})),
      R"({"types":{"Z":"","id":"integer","name":"text"},)"
      R"("rows":[{"Z":null,"id":1,"name":"mira"}]})");
}
TEST_F(AssociativeTest, OfEqualNamesTheLastColumnCounts) {
  EXPECT_EQ(
      only(rows_of({"a", "b", "a"}, {"integer", "text", "real"},
                   {ValueView::of_integer(1), ValueView::of_text("x"), ValueView::of_real(2.5)})),
      R"({"types":{"a":"real","b":"text"},"rows":[{"a":2.5,"b":"x"}]})");
}
TEST_F(AssociativeTest, WithoutRowsThereIsAnEmptyList) {
  EXPECT_EQ(only(rows_of({"id"}, {"integer"}, {})), R"({"types":{"id":"integer"},"rows":[]})");
}
TEST_F(AssociativeTest, WithoutColumnsThereAreNoTypes) {
  EXPECT_EQ(only(rows_of({}, {}, {})), R"({"rows":[]})");
}
TEST_F(AssociativeTest, RowsEndInTheirTime) {
  EXPECT_EQ(only(rows_of({}, {}, {}, 0.5)), R"({"rows":[],"time":0.5})");
}

// Values that cannot be shown.

constexpr const char* kInfinite =
    "json: error calling MarshalJSON for type *http.DBResults: json: unsupported value: +Inf";
constexpr std::int64_t kYear10000 = 253'402'300'800;

TEST_F(ResultsJsonTest, ADateBeyondTheCalendarFailsItsStatementAlone) {
  json_.add(
      rows_of({"d"}, {"date"}, {ValueView::of_integer(0), ValueView::of_integer(kYear10000)}, 0.5));
  json_.add(crew());
  EXPECT_EQ(finish(), R"({"results":[{"error":"Time.MarshalText: year outside of range [0,9999]"},)"
                      R"({"columns":["id","name"],"types":["integer","text"],)"
                      R"("values":[[1,"mira"],[2,null]]}]})");
}

TEST_F(ResultsJsonTest, AnInfiniteNumberFailsTheWholeReply) {
  json_.add(crew());
  json_.add(
      rows_of({"x"}, {"real"}, {ValueView::of_real(std::numeric_limits<double>::infinity())}));
  EXPECT_EQ(finish(), std::string("impossible: ") + kInfinite);
}

TEST_F(ResultsJsonTest, AnInfiniteNumberInRowsThatAreVoidDoesNoHarm) {
  const double infinity = std::numeric_limits<double>::infinity();
  json_.begin_rows({"x"}, {"real"});
  json_.add_row(std::vector{ValueView::of_real(infinity)});
  json_.fail_rows("query timeout");
  json_.add(rows_of({"x", "d"}, {"real", "date"},
                    {ValueView::of_real(infinity), ValueView::of_integer(kYear10000)}));
  EXPECT_EQ(finish(), R"({"results":[{"error":"query timeout"},)"
                      R"({"error":"Time.MarshalText: year outside of range [0,9999]"}]})");
}

class PrettyTest : public ResultsJsonTest {
 protected:
  PrettyTest() : ResultsJsonTest({.pretty = true}) {}
};

TEST_F(PrettyTest, IndentsTheWholeReply) {
  json_.add(write(1, 1));
  EXPECT_EQ(finish(envelope(0.5)),
            "{\n    \"results\": [\n        {\n            \"last_insert_id\": 1,\n"
            "            \"rows_affected\": 1\n        }\n    ],\n    \"time\": 0.5\n}");
}

// Text that is taken while the rest is being made.

using Step = std::function<void(ResultsJson&)>;

Step add_whole(const std::function<StatementResult()>& make) {
  return [make](ResultsJson& json) { json.add(make()); };
}
Step begin_read(std::vector<std::string> names, std::vector<std::string> types) {
  return [=](ResultsJson& json) { json.begin_rows(names, types); };
}
Step add_one_row(std::vector<ValueView> values) {
  return [=](ResultsJson& json) { json.add_row(values); };
}
Step end_read(double seconds) {
  return [=](ResultsJson& json) { json.end_rows(seconds); };
}
Step fail_read(const std::string& error) {
  return [=](ResultsJson& json) { json.fail_rows(error); };
}

// What `steps` make if something is taken in front of each step whose bit is set.
std::string made_of(const std::vector<Step>& steps, std::size_t takes, ResultFormat format,
                    const ResultsJson::Envelope& envelope) {
  ResultsJson json(format);
  std::string text;
  for (std::size_t i = 0; i <= steps.size(); i++) {
    if ((takes >> i & 1) != 0) {
      const ResultsJson::Text taken = json.take();
      if (!taken.impossible.empty()) return "impossible: " + taken.impossible;
      text += taken.json;
    }
    if (i < steps.size()) steps[i](json);
  }
  const ResultsJson::Text last = std::move(json).finish(envelope);
  return last.impossible.empty() ? text + last.json : "impossible: " + last.impossible;
}

std::vector<ResultFormat> all_formats() {
  std::vector<ResultFormat> formats;
  for (int bits = 0; bits < 4; bits++) {
    formats.push_back({.associative = (bits & 1) != 0, .pretty = (bits & 2) != 0});
  }
  return formats;
}

// Of results that succeed, the text is the same wherever it is cut.
TEST(TakeTest, NobodySeesWhereATextWasCut) {
  const std::vector<Step> steps = {
      begin_read({"b", "a"}, {"integer", "text"}),
      add_one_row({ValueView::of_integer(1), ValueView::of_text("[{\"x\\")}),
      add_one_row({ValueView::null(), ValueView::of_text("")}),
      end_read(0.5),
      add_whole([] { return write(1, 2, 0.25); }),
      add_whole([] { return error("no such table: t"); }),
      begin_read({"n"}, {""}),
      end_read(0),
      begin_read({}, {}),
      end_read(0.5),
  };
  for (const ResultFormat format : all_formats()) {
    const std::string whole = made_of(steps, 0, format, envelope(0.5, 7, 9));
    for (std::size_t takes = 1; takes < 2u << steps.size(); takes++) {
      ASSERT_EQ(made_of(steps, takes, format, envelope(0.5, 7, 9)), whole) << takes;
    }
  }
}

TEST(TakeTest, WhatIsTakenBeforeAReadBeganDoesNotShowInItsError) {
  const std::vector<Step> steps = {
      add_whole([] { return write(1, 1); }), fail_read("no such table: t"),
      begin_read({"id"}, {"integer"}),       add_one_row({ValueView::of_integer(1)}),
      fail_read("integer overflow"),
  };
  // Not while the one with rows is being read.
  constexpr std::size_t kBehindItsStart = 0b11000;
  for (const ResultFormat format : all_formats()) {
    const std::string whole = made_of(steps, 0, format, {});
    for (std::size_t takes = 0; takes < 2u << steps.size(); takes++) {
      if ((takes & kBehindItsStart) != 0) continue;
      ASSERT_EQ(made_of(steps, takes, format, {}), whole) << takes;
    }
  }
}

TEST(TakeTest, AnErrorStandsBehindTheRowsThatAreGone) {
  const std::vector<Step> steps = {
      begin_read({"id"}, {"integer"}),
      add_one_row({ValueView::of_integer(1)}),
      fail_read("query timeout"),
      add_whole([] { return write(1, 1); }),
  };
  EXPECT_EQ(made_of(steps, 0b100, {}, {}),
            R"({"results":[{"columns":["id"],"types":["integer"],"values":[[1]],)"
            R"("error":"query timeout"},{"last_insert_id":1,"rows_affected":1}]})");
  EXPECT_EQ(made_of(steps, 0b010, {.associative = true}, {}),
            R"({"results":[{"types":{"id":"integer"},"rows":[{"id":1}],)"
            R"("error":"query timeout"},{"last_insert_id":1,"rows_affected":1,"rows":null}]})");
}

TEST(TakeTest, AnErrorMayComeBeforeTheFirstRow) {
  const std::vector<Step> steps = {begin_read({"id"}, {"integer"}), fail_read("query timeout")};
  EXPECT_EQ(made_of(steps, 0b10, {}, {}),
            R"({"results":[{"columns":["id"],"types":["integer"],"error":"query timeout"}]})");
  EXPECT_EQ(made_of(steps, 0b10, {.associative = true}, {}),
            R"({"results":[{"types":{"id":"integer"},"rows":[],"error":"query timeout"}]})");
  const std::vector<Step> without = {begin_read({}, {}), fail_read("query timeout")};
  EXPECT_EQ(made_of(without, 0b10, {}, {}), R"({"results":[{"error":"query timeout"}]})");
}

TEST(TakeTest, ARequestsErrorStandsBehindTheResultsThatAreGone) {
  const std::vector<Step> steps = {add_whole([] { return write(1, 1); })};
  EXPECT_EQ(made_of(steps, 0b10, {}, envelope(0.5, std::nullopt, 0, "store not open")),
            R"({"results":[{"last_insert_id":1,"rows_affected":1}],)"
            R"("error":"store not open","time":0.5})");
}

TEST(TakeTest, AnInfiniteNumberIsNotedUntilSomethingIsGone) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Step> steps = {
      begin_read({"x"}, {"real"}),
      add_one_row({ValueView::of_real(1.5)}),
      add_one_row({ValueView::of_real(infinity)}),
      add_one_row({ValueView::of_real(2.5)}),
      end_read(0),
  };
  for (const std::size_t takes : {0b000000u, 0b001000u, 0b010000u, 0b100000u}) {
    EXPECT_EQ(made_of(steps, takes, {}, {}), std::string("impossible: ") + kInfinite) << takes;
  }
  EXPECT_EQ(made_of(steps, 0b000100, {}, {}),
            R"({"results":[{"columns":["x"],"types":["real"],"values":[[1.5]],"error":")"s +
                kInfinite + "\"}]}");
}

// Values by the type of their column.

std::string shown(std::string_view type, const ValueView& value, bool blob_array = false) {
  Bytes json;
  const Status status = ColumnFormat(type).append(json, value, blob_array);
  return status.ok() ? json : "error: " + status.text();
}

TEST(ValueJsonTest, PlainValuesAreShownAsTheyAre) {
  for (const char* type : {"", "integer", "text", "blob", "bool", "foo", "date time"}) {
    EXPECT_EQ(shown(type, ValueView::null()), "null");
    EXPECT_EQ(shown(type, ValueView::of_integer(-5)), "-5");
    EXPECT_EQ(shown(type, ValueView::of_real(2.0)), "2");
    EXPECT_EQ(shown(type, ValueView::of_text("<x>")), R"("\u003cx\u003e")");
  }
}

TEST(ValueJsonTest, IntegersInBooleanColumnsAreTrueIfPositive) {
  EXPECT_EQ(shown("boolean", ValueView::of_integer(1)), "true");
  EXPECT_EQ(shown("boolean", ValueView::of_integer(7)), "true");
  EXPECT_EQ(shown("boolean", ValueView::of_integer(0)), "false");
  EXPECT_EQ(shown("boolean", ValueView::of_integer(-1)), "false");
  EXPECT_EQ(shown("boolean", ValueView::of_real(1)), "1");
  EXPECT_EQ(shown("boolean", ValueView::of_text("yes")), "\"yes\"");
}

TEST(ValueJsonTest, DateColumnsShowDates) {
  for (const char* type : {"date", "datetime", "timestamp"}) {
    EXPECT_EQ(shown(type, ValueView::of_integer(0)), "\"1970-01-01T00:00:00Z\"");
    EXPECT_EQ(shown(type, ValueView::of_text("2004-02-14")), "\"2004-02-14T00:00:00Z\"");
    EXPECT_EQ(shown(type, ValueView::of_real(1.5)), "1.5");
    EXPECT_EQ(shown(type, ValueView::null()), "null");
    EXPECT_EQ(shown(type, ValueView::of_blob("ab")), "\"YWI=\"");
  }
  EXPECT_EQ(shown("datetime(6)", ValueView::of_text("2004-02-14")), "\"2004-02-14\"");
}

TEST(ValueJsonTest, BlobsInTextLikeColumnsAreText) {
  for (const char* type : {"text", "json", "", "varchar(36)", "varying character(5)", "nchar(5)",
                           "native character(7)", "nvarchar", "clob"}) {
    EXPECT_EQ(shown(type, ValueView::of_blob("a\xff")), R"("a\ufffd")") << type;
    EXPECT_EQ(shown(type, ValueView::of_blob("ab"), /*blob_array=*/true), "\"ab\"") << type;
  }
}

TEST(ValueJsonTest, OtherBlobsAreBase64OrArrays) {
  for (const char* type : {"blob", "jsonb", "character(10)", "boolean", "integer", "mytext"}) {
    EXPECT_EQ(shown(type, ValueView::of_blob("\x01\x02\xff")), "\"AQL/\"") << type;
    EXPECT_EQ(shown(type, ValueView::of_blob("\x01\x02\xff"), true), "[1,2,255]") << type;
    EXPECT_EQ(shown(type, ValueView::of_blob("")), "\"\"") << type;
    EXPECT_EQ(shown(type, ValueView::of_blob(""), true), "[]") << type;
  }
}

TEST(ValueJsonTest, InfiniteNumbersCannotBeShown) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(shown("", ValueView::of_real(infinity)), std::string("error: ") + kInfinite);
  Bytes json;
  EXPECT_EQ(ColumnFormat("").append(json, ValueView::of_real(-infinity), false).code(),
            Code::kUnavailable);
}

}  // namespace
}  // namespace rqlite::http
