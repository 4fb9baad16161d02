#include "command/request.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "command/command.h"
#include "command/request_text.h"

namespace rqlite::command {
namespace {

using namespace std::string_literals;
using sqlite::ValueView;

Bytes batch_of(const std::vector<std::string>& statements, RequestFlags flags = {}) {
  Bytes batch;
  RequestBuilder builder(batch, flags);
  for (const std::string& sql : statements) builder.begin_statement(sql);
  return batch;
}

TEST(RequestTest, ComesBackAsItWentIn) {
  Bytes batch;
  {
    RequestBuilder builder(batch, {.transaction = true, .timings = true});
    builder.begin_statement("INSERT INTO t VALUES(?,?,?,?,?)");
    builder.add_value(ValueView::null());
    builder.add_value(ValueView::of_integer(-7));
    builder.add_value(ValueView::of_real(0.5));
    builder.add_value(ValueView::of_text("a\0b"s));
    builder.add_value(ValueView::of_blob("\xff\x00"s));
    builder.begin_statement("SELECT :n");
    builder.add_name("n");
    builder.add_value(ValueView::of_text(""));
    EXPECT_EQ(builder.statements(), 2u);
  }
  EXPECT_EQ(text_of_batch(batch),
            "transaction timings [INSERT INTO t VALUES(?,?,?,?,?), NULL, -7, real 0.500000, "
            "'a\0b', blob(\xff\x00)][SELECT :n, n='']"s);
}

TEST(RequestTest, MayHaveAKey) {
  Bytes batch;
  {
    RequestBuilder builder(batch, {.transaction = true}, "k-1");
    builder.begin_statement("a");
    builder.add_value(ValueView::of_integer(1));
  }
  const Bytes other = batch_of({"a"});
  const Bytes encoded = encode_command(batch + other, {});
  const std::optional<Command> command = decode_command(encoded);
  ASSERT_EQ(command->requests.size(), 2u);
  RequestReader keyed(command->requests[0]);
  EXPECT_EQ(keyed.key(), "k-1");
  EXPECT_TRUE(keyed.flags().transaction);
  EXPECT_EQ(text_of_request(command->requests[0]), "transaction [a, 1]");
  EXPECT_EQ(RequestReader(command->requests[1]).key(), "");
}

TEST(RequestTest, StatementsAreEqualWhateverStandsInFrontOfThem) {
  auto statements = [](RequestFlags flags, BytesView key, std::int64_t value) {
    Bytes batch;
    {
      RequestBuilder builder(batch, flags, key);
      builder.begin_statement("a");
      builder.add_value(ValueView::of_integer(value));
    }
    const Bytes encoded = encode_command(batch, {});
    return Bytes(RequestReader(decode_command(encoded)->requests.at(0)).statements());
  };
  const Bytes plain = statements({}, "", 1);
  EXPECT_FALSE(plain.empty());
  EXPECT_EQ(statements({.transaction = true, .timings = true}, "key", 1), plain);
  EXPECT_NE(statements({}, "", 2), plain);
}

TEST(RequestTest, MayRunInPart) {
  Bytes batch;
  {
    RequestBuilder builder(batch, {.transaction = true, .unified = true, .qualify_columns = true},
                           "k-1");
    builder.begin_statement("a");
    builder.add_value(ValueView::of_integer(1));
    builder.begin_statement("b");
  }
  auto limit = [](const Bytes& encoded) {
    return RequestReader(decode_command(encode_command(encoded, {}))->requests.at(0)).runs_max();
  };
  EXPECT_EQ(limit(batch), UINT64_MAX);
  for (const std::size_t runs_max : {0u, 1u, 300u}) {
    const Bytes limited = limited_to(batch, runs_max);
    EXPECT_EQ(limit(limited), runs_max);
    // Nothing else about it changes.
    const Bytes before = encode_command(batch, {});
    const Bytes after = encode_command(limited, {});
    const RequestReader whole(decode_command(before)->requests.at(0));
    const RequestReader part(decode_command(after)->requests.at(0));
    EXPECT_EQ(part.flags(), whole.flags());
    EXPECT_EQ(part.key(), "k-1");
    EXPECT_EQ(part.statements(), whole.statements());
    EXPECT_EQ(text_of_batch(limited), "transaction [a, 1][b]");
  }
}

TEST(RequestTest, MayDoNothingInItsPlace) {
  Bytes batch = batch_of({"a"});
  append_empty_request(batch);
  append_refused_request(batch, "too large");
  const Bytes encoded = encode_command(batch, {});
  const std::optional<Command> command = decode_command(encoded);
  ASSERT_EQ(command->requests.size(), 3u);
  EXPECT_EQ(text_of_request(command->requests[1]), "");
  EXPECT_EQ(RequestReader(command->requests[1]).refusal(), "");
  EXPECT_EQ(text_of_request(command->requests[2]), "");
  EXPECT_EQ(RequestReader(command->requests[2]).refusal(), "too large");
}

TEST(RequestTest, NumbersKeepEveryBit) {
  const std::int64_t integers[] = {0, -1, 1, INT64_MIN, INT64_MAX, 1 << 20};
  const double reals[] = {
      0.0, -0.0, 5e-324, 1.7976931348623157e308, -1.5, std::numeric_limits<double>::infinity()};
  Bytes batch;
  {
    RequestBuilder builder(batch, {});
    builder.begin_statement("x");
    for (const std::int64_t each : integers) builder.add_value(ValueView::of_integer(each));
    for (const double each : reals) builder.add_value(ValueView::of_real(each));
  }
  const Bytes encoded = encode_command(batch, {});
  RequestReader reader(decode_command(encoded)->requests.at(0));
  ASSERT_TRUE(reader.next());
  std::size_t i = 0;
  for (const std::int64_t each : integers) EXPECT_EQ(reader.parameters()[i++].value.integer, each);
  for (const double each : reals) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(reader.parameters()[i++].value.real),
              std::bit_cast<std::uint64_t>(each));
  }
}

TEST(RequestTest, ANameBelongsToTheValueBehindItOnly) {
  Bytes batch;
  {
    RequestBuilder builder(batch, {});
    builder.begin_statement("x");
    builder.add_value(ValueView::of_integer(1));
    builder.add_name("a");
    builder.add_value(ValueView::of_integer(2));
    builder.add_value(ValueView::of_integer(3));
    builder.begin_statement("y");
    builder.add_value(ValueView::of_integer(4));
  }
  EXPECT_EQ(text_of_batch(batch), "[x, 1, a=2, 3][y, 4]");
}

TEST(RequestTest, EqualTextsInARowAreStoredOnce) {
  const std::string sql(1000, 'x');
  Bytes batch;
  {
    RequestBuilder builder(batch, {});
    for (int i = 0; i < 100; i++) {
      builder.begin_statement(sql);
      builder.add_value(ValueView::of_integer(i));
    }
  }
  EXPECT_LT(batch.size(), 1500u);
  EXPECT_EQ(text_of_batch(batch).size(), 100 * sql.size() + 10 * 5 + 90 * 6);
}

TEST(RequestTest, EqualStatementsWithoutParametersAreAllThere) {
  EXPECT_EQ(text_of_batch(batch_of({"a", "a", "b", "b", "b", "a"})), "[a][a][b][b][b][a]");
}

TEST(RequestTest, TheFirstTextIsStoredEvenIfItIsEmpty) {
  EXPECT_EQ(text_of_batch(batch_of({"", "", "a", ""})), "[][][a][]");
}

TEST(RequestTest, ATextEndsAtItsFirstNul) {
  EXPECT_EQ(text_of_batch(batch_of({"SELECT 1\0; DROP TABLE t"s, "SELECT 1"})),
            "[SELECT 1][SELECT 1]");
}

TEST(RequestTest, AnAbandonedOneLeavesTheBufferAsItWas) {
  Bytes batch = batch_of({"a"});
  const Bytes before = batch;
  {
    RequestBuilder builder(batch, {.transaction = true});
    builder.begin_statement("b");
    builder.add_value(ValueView::of_text("c"));
    builder.abandon();
  }
  EXPECT_EQ(batch, before);
  {
    RequestBuilder builder(batch, {});
    builder.abandon();
  }
  EXPECT_EQ(batch, before);
}

TEST(RequestTest, MayBeWithoutStatements) {
  EXPECT_EQ(text_of_batch(batch_of({})), "");
  EXPECT_EQ(text_of_batch(batch_of({}, {.transaction = true})), "transaction ");
}

TEST(RequestTest, TheConcatenationOfTwoBatchesIsTheirMerge) {
  const Bytes a = batch_of({"a", "b"}, {.transaction = true});
  const Bytes b = batch_of({"b"}) + batch_of({"c", "d"}, {.timings = true});
  EXPECT_EQ(text_of_batch(a + b), "transaction [a][b] [b] timings [c][d]");
  EXPECT_EQ(text_of_batch(b + a), "[b] timings [c][d] transaction [a][b]");
}

// A random request, and what text_of_request() makes of it.
std::string add_random_request(Random& random, Bytes& batch) {
  RequestFlags flags{random.chance(0.3), random.chance(0.3)};
  std::string text = flags.transaction ? "transaction " : "";
  if (flags.timings) text += "timings ";
  auto random_bytes = [&] {
    Bytes bytes(random.below(random.chance(0.1) ? 300 : 6), '\0');
    for (char& c : bytes) c = static_cast<char>(random.next());
    return bytes;
  };
  RequestBuilder builder(batch, flags);
  for (std::uint64_t statements = random.below(5); statements > 0; statements--) {
    const std::string sql = "sql" + std::to_string(random.below(3));
    builder.begin_statement(sql);
    text += "[" + sql;
    for (std::uint64_t parameters = random.below(4); parameters > 0; parameters--) {
      text += ", ";
      if (random.chance(0.3)) {
        builder.add_name("n");
        text += "n=";
      }
      const Bytes bytes = random_bytes();
      const ValueView values[] = {ValueView::null(),
                                  ValueView::of_integer(static_cast<std::int64_t>(random.next())),
                                  ValueView::of_real(static_cast<double>(random.below(1000)) / 8),
                                  ValueView::of_text(bytes), ValueView::of_blob(bytes)};
      const ValueView& value = values[random.below(5)];
      builder.add_value(value);
      text += text_of(value);
    }
    text += "]";
  }
  return text;
}

TEST(RequestTest, StatementsAreCountedAcrossRequests) {
  Bytes batch;
  EXPECT_EQ(statements_in(batch), 0u);
  append_empty_request(batch);
  append_refused_request(batch, "why");
  EXPECT_EQ(statements_in(batch), 0u);
  {
    RequestBuilder builder(batch, {.transaction = true}, "key");
    for (const char* sql : {"INSERT", "INSERT", ""}) {
      builder.begin_statement(sql);
      builder.add_value(sqlite::ValueView::of_integer(1));
    }
  }
  RequestBuilder(batch, {}).begin_statement("SELECT 1");
  EXPECT_EQ(statements_in(batch), 4u);
  EXPECT_LE(statements_in(BytesView(batch).substr(0, batch.size() - 3)), 4u);
}

TEST(RequestRandomTest, BatchesOfAnyRequestsComeBack) {
  for (std::uint64_t seed = 1; seed <= 2000; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Bytes batch;
    std::string expected;
    for (std::uint64_t requests = 1 + random.below(4); requests > 0; requests--) {
      const std::string request = add_random_request(random, batch);
      // One that asks for nothing at all leaves nothing.
      if (!request.empty()) expected += (expected.empty() ? "" : " ") + request;
    }
    ASSERT_EQ(text_of_batch(batch), expected);
  }
}

TEST(RequestRandomTest, MalformedBytesAreSurvived) {
  int malformed = 0;
  for (std::uint64_t seed = 1; seed <= 5000; seed++) {
    Random random(seed);
    Bytes batch;
    add_random_request(random, batch);
    add_random_request(random, batch);
    for (std::uint64_t changes = 1 + random.below(4); changes > 0 && !batch.empty(); changes--) {
      const std::size_t at = random.below(batch.size());
      switch (random.below(3)) {
        case 0:
          batch[at] = static_cast<char>(random.next());
          break;
        case 1:
          batch.resize(at);
          break;
        default:
          batch.insert(at, 1, static_cast<char>(random.next()));
      }
    }
    std::optional<Command> command = decode_command(batch);
    bool ok = command.has_value();
    for (std::size_t i = 0; ok && i < command->requests.size(); i++) {
      ok = text_of_request(command->requests[i]) != "malformed";
    }
    if (!ok) malformed++;
  }
  EXPECT_GT(malformed, 500) << "too few mutations that hurt";
}

}  // namespace
}  // namespace rqlite::command
