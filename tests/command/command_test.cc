#include "command/command.h"

#include <gtest/gtest.h>

#include <limits>

namespace rqlite::command {
namespace {

Bytes batch_of(BytesView sql) {
  Bytes batch;
  RequestBuilder(batch, {}).begin_statement(sql);
  return batch;
}

TEST(CommandTest, CarriesItsHeaderBesideTheRequests) {
  const Bytes encoded =
      encode_command(batch_of("a") + batch_of("b"), {.unix_milliseconds = -5, .seed = UINT64_MAX});
  const std::optional<Command> command = decode_command(encoded);
  ASSERT_TRUE(command.has_value());
  EXPECT_EQ(command->header.unix_milliseconds, -5);
  EXPECT_EQ(command->header.seed, std::numeric_limits<std::uint64_t>::max());
  ASSERT_EQ(command->requests.size(), 2u);
  RequestReader second(command->requests[1]);
  ASSERT_TRUE(second.next());
  EXPECT_EQ(second.sql(), "b");
}

TEST(CommandTest, CarriesThePlaceInItsQueuesStream) {
  const Bytes encoded = encode_command(
      batch_of("a"), {1, 2}, StreamPlace{.node_id = "n1", .epoch = 7, .first = 9, .member = 11});
  const std::optional<Command> command = decode_command(encoded);
  ASSERT_TRUE(command && command->place);
  EXPECT_EQ(command->place->node_id, "n1");
  EXPECT_EQ(command->place->epoch, 7u);
  EXPECT_EQ(command->place->first, 9u);
  EXPECT_EQ(command->place->member, 11u);
  EXPECT_FALSE(decode_command(encode_command(batch_of("a"), {1, 2}))->place);
}

constexpr Origin kOrigin = {
    .member = 0xfedcba9876543210, .epoch = 7, .number = 9, .answered_below = 8};

// The command for `batch`, with `origin` as whoever wrote it may have packed it.
std::optional<Command> decode_with_origin(Bytes batch, const std::vector<std::uint64_t>& origin) {
  Bytes encoded = encode_command(std::move(batch), {1, 2});
  protozero::pbf_writer(encoded).add_packed_fixed64(8, origin.begin(), origin.end());
  const std::optional<Command> command = decode_command(encoded);
  // What views point to goes here.
  if (!command) return std::nullopt;
  return Command{.header = {},
                 .place = {},
                 .origin = command->origin,
                 .replacement = {},
                 .piece = {},
                 .requests = {}};
}

TEST(CommandTest, CarriesWhoForwardedIt) {
  const Bytes encoded = encode_command(batch_of("a"), {1, 2}, kOrigin);
  const std::optional<Command> command = decode_command(encoded);
  ASSERT_TRUE(command && command->origin);
  EXPECT_EQ(*command->origin, kOrigin);
  EXPECT_EQ(command->header.seed, 2u);
  EXPECT_EQ(command->requests.size(), 1u);
  EXPECT_FALSE(decode_command(encode_command(batch_of("a"), {1, 2}))->origin);
}

TEST(CommandTest, CarriesAPieceOfAFile) {
  const Bytes encoded = encode_command(Piece{8, 1 << 20, "content"}, {1, 2});
  const std::optional<Command> command = decode_command(encoded);
  ASSERT_TRUE(command && command->piece);
  EXPECT_EQ(command->piece->file, 8U);
  EXPECT_EQ(command->piece->offset, 1U << 20);
  EXPECT_EQ(command->piece->bytes, "content");
  EXPECT_FALSE(command->replacement);
  EXPECT_TRUE(command->requests.empty());

  const Bytes empty = encode_command(Piece{8, 0, {}}, {1, 2});
  ASSERT_TRUE(decode_command(empty)->piece);
  EXPECT_TRUE(decode_command(empty)->piece->bytes.empty());
}

TEST(CommandTest, APieceIsNoReplacementAndOfNoRequest) {
  const Bytes piece = encode_command(Piece{8, 0, "content"}, {1, 2});
  EXPECT_FALSE(decode_command(encode_command(Replacement{8, 7}, {1, 2}))->piece);
  EXPECT_FALSE(decode_command(piece + encode_command(Replacement{8, 7}, {1, 2})));
  EXPECT_FALSE(decode_command(encode_command(batch_of("a") + piece, {1, 2}, kOrigin)));
}

TEST(CommandTest, AnOriginHasFourNumbers) {
  const std::optional<Command> command = decode_with_origin(batch_of("a"), {1, 2, 3, 4});
  ASSERT_TRUE(command && command->origin);
  EXPECT_EQ(*command->origin, (Origin{1, 2, 3, 4}));
  EXPECT_FALSE(decode_with_origin(batch_of("a"), {1}));
  EXPECT_FALSE(decode_with_origin(batch_of("a"), {1, 2, 3}));
  EXPECT_FALSE(decode_with_origin(batch_of("a"), {1, 2, 3, 4, 5}));
  for (std::size_t size = 0; size < 40; size++) {
    Bytes encoded = encode_command(batch_of("a"), {1, 2});
    protozero::pbf_writer(encoded).add_bytes(8, Bytes(size, '\1'));
    EXPECT_EQ(decode_command(encoded).has_value(), size == 32) << size;
  }
}

TEST(CommandTest, AnOriginIsThatOfOneRequestAndOfNothingElse) {
  EXPECT_FALSE(decode_with_origin(Bytes(), {1, 2, 3, 4}));
  EXPECT_FALSE(decode_with_origin(batch_of("a") + batch_of("b"), {1, 2, 3, 4}));
  EXPECT_FALSE(decode_with_origin(encode_command(batch_of("a"), {1, 2}, kOrigin), {1, 2, 3, 4}));
  const StreamPlace place{.node_id = "n1", .epoch = 7, .first = 9, .member = 11};
  EXPECT_FALSE(decode_with_origin(encode_command(batch_of("a"), {1, 2}, place), {1, 2, 3, 4}));
  EXPECT_FALSE(
      decode_with_origin(batch_of("a") + encode_command(Replacement{1, 2}, {1, 2}), {1, 2, 3, 4}));
}

TEST(CommandTest, MayBeWithoutRequests) {
  const std::optional<Command> command = decode_command(encode_command(Bytes(), {1, 2}));
  ASSERT_TRUE(command.has_value());
  EXPECT_TRUE(command->requests.empty());
  EXPECT_EQ(command->header.seed, 2u);
}

TEST(CommandTest, NoBytesAreACommandThatDoesNothing) {
  const std::optional<Command> command = decode_command("");
  ASSERT_TRUE(command.has_value());
  EXPECT_TRUE(command->requests.empty());
  EXPECT_EQ(command->header.seed, 0u);
}

TEST(CommandTest, FieldsOfNewerVersionsAreSkipped) {
  Bytes encoded = encode_command(batch_of("a"), {1, 2});
  protozero::pbf_writer writer(encoded);
  writer.add_string(99, "from the future");
  writer.add_uint64(98, 1);
  const std::optional<Command> command = decode_command(encoded);
  ASSERT_TRUE(command.has_value());
  EXPECT_EQ(command->requests.size(), 1u);
}

TEST(CommandTest, WhatIsCutIsNoCommand) {
  const Bytes encoded = encode_command(batch_of("INSERT INTO t VALUES(1)"), {1, 2});
  const std::size_t request = batch_of("INSERT INTO t VALUES(1)").size();
  for (std::size_t size = 1; size < encoded.size(); size++) {
    const std::optional<Command> command = decode_command(BytesView(encoded).substr(0, size));
    // Cut between two fields it is another command; that is what checksums are for.
    EXPECT_EQ(command.has_value(), size == request || size == request + 2) << size;
  }
}

}  // namespace
}  // namespace rqlite::command
