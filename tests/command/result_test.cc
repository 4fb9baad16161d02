#include "command/result.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace rqlite::command {
namespace {

TEST(ResultTest, SurvivesBeingKept) {
  RequestResult result;
  result.statements.resize(4);
  result.statements[0].last_insert_id = -3;
  result.statements[0].rows_affected = 1'000'000'000'000;
  result.statements[1].error = "UNIQUE constraint failed: t.a";
  result.statements[2].rows = std::make_unique<Rows>();
  Rows& rows = *result.statements[2].rows;
  rows.columns = {"id", ""};
  rows.types = {"integer", "text"};
  rows.add(sqlite::ValueView::of_integer(5));
  rows.add(sqlite::ValueView::of_text("mira"));
  rows.count = 1;

  const std::optional<RequestResult> kept = decode_result(encode_result(result));
  ASSERT_TRUE(kept.has_value());
  ASSERT_EQ(kept->statements.size(), 4u);
  EXPECT_EQ(kept->statements[0].last_insert_id, -3);
  EXPECT_EQ(kept->statements[0].rows_affected, 1'000'000'000'000);
  EXPECT_EQ(kept->statements[1].error, "UNIQUE constraint failed: t.a");
  ASSERT_TRUE(kept->statements[2].rows);
  EXPECT_EQ(kept->statements[2].rows->columns, rows.columns);
  EXPECT_EQ(kept->statements[2].rows->types, rows.types);
  EXPECT_EQ(kept->statements[2].rows->values, rows.values);
  EXPECT_EQ(kept->statements[2].rows->count, 1u);
  EXPECT_FALSE(kept->statements[3].rows);
  EXPECT_FALSE(kept->ok());
}

TEST(ResultTest, AWholeRequestsErrorAndNoStatementsAreKept) {
  RequestResult failed;
  failed.error = "no";
  EXPECT_EQ(decode_result(encode_result(failed))->error, "no");
  const std::optional<RequestResult> nothing = decode_result(encode_result({}));
  ASSERT_TRUE(nothing.has_value());
  EXPECT_TRUE(nothing->ok());
  EXPECT_TRUE(nothing->statements.empty());
}

TEST(ResultTest, OtherBytesAreNoResult) {
  RequestResult result;
  result.statements.resize(2);
  result.statements[1].error = "some error";
  const Bytes kept = encode_result(result);
  EXPECT_FALSE(decode_result(BytesView(kept).substr(0, kept.size() - 1)).has_value());
  Random random(random_from_system());
  for (int i = 0; i < 2000; i++) {
    Bytes bytes = kept;
    bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    (void)decode_result(bytes);  // whatever it is, it does no harm
  }
}

}  // namespace
}  // namespace rqlite::command
