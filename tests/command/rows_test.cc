#include "command/rows.h"

#include <gtest/gtest.h>

#include <cmath>

#include "command/result.h"

namespace rqlite::command {
namespace {

using sqlite::ValueType;
using sqlite::ValueView;

TEST(RowsTest, ValuesAreReadInTheOrderTheyCame) {
  const Bytes blob("\0\xff", 2);
  Rows rows;
  rows.add(ValueView::null());
  rows.add(ValueView::of_integer(INT64_MIN));
  rows.add(ValueView::of_real(-0.0));
  rows.add(ValueView::of_text(""));
  rows.add(ValueView::of_blob(blob));
  rows.add(ValueView::of_text("last"));

  ValuesReader reader(rows.values);
  EXPECT_EQ(reader.next().type, ValueType::kNull);
  EXPECT_EQ(reader.next().integer, INT64_MIN);
  EXPECT_TRUE(std::signbit(reader.next().real));
  const ValueView empty = reader.next();
  EXPECT_EQ(empty.type, ValueType::kText);
  EXPECT_EQ(empty.bytes, "");
  const ValueView bytes = reader.next();
  EXPECT_EQ(bytes.type, ValueType::kBlob);
  EXPECT_EQ(bytes.bytes, blob);
  EXPECT_EQ(reader.next().bytes, "last");
}

TEST(RowsTest, IntegersAndNullsArePackedTightly) {
  Rows rows;
  rows.add(ValueView::null());
  rows.add(ValueView::of_integer(1));
  rows.add(ValueView::of_text("abc"));
  EXPECT_EQ(rows.values.size(), 1u + 9u + 8u);
}

TEST(RowsDeathTest, ReadingBehindTheLastValueIsABug) {
  ValuesReader reader("");
  EXPECT_DEATH((void)reader.next(), "bug: ");
}

StatementResult failed(const char* error) {
  StatementResult result;
  result.error = error;
  return result;
}

TEST(RequestResultTest, IsOkIfTheRequestAndAllItsStatementsAre) {
  RequestResult result;
  EXPECT_TRUE(result.ok());
  result.statements.emplace_back();
  EXPECT_TRUE(result.ok());
  result.statements.push_back(failed("no such table: t"));
  EXPECT_FALSE(result.ok());
  RequestResult refused;
  refused.error = "disallowed pragma";
  EXPECT_FALSE(refused.ok());
}

}  // namespace
}  // namespace rqlite::command
