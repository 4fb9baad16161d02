#include "store/request_keys.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace rqlite::store {
namespace {

using command::RequestResult;
using Key = RequestResult::Key;

RequestResult result_of(const std::string& error) {
  RequestResult result;
  result.statements.resize(2);
  result.statements[0].last_insert_id = 7;
  result.statements[1].error = error;
  return result;
}

constexpr Fingerprint kA{1, 2};
constexpr Fingerprint kB{1, 3};

std::string shown(const std::optional<RequestResult>& result) {
  if (!result) return "execute";
  if (result->key == Key::kReused) return "reused";
  EXPECT_EQ(result->key, Key::kReplayed);
  return result->statements.empty() ? "error " + result->error : result->statements[1].error;
}

TEST(RequestKeysTest, TheFirstResultComesBack) {
  RequestKeys keys;
  EXPECT_EQ(shown(keys.find("k", kA)), "execute");
  keys.add("k", kA, result_of("first"));
  EXPECT_EQ(shown(keys.find("k", kA)), "first");
  EXPECT_EQ(keys.commit().size(), 1u);
  EXPECT_EQ(shown(keys.find("k", kA)), "first");
  EXPECT_EQ(keys.find("k", kA)->statements[0].last_insert_id, 7);
  EXPECT_EQ(shown(keys.find("other", kA)), "execute");
}

TEST(RequestKeysTest, AnotherRequestWithTheKeyIsRefused) {
  RequestKeys keys;
  keys.add("k", kA, result_of(""));
  EXPECT_EQ(shown(keys.find("k", kB)), "reused");
  EXPECT_NE(fingerprint_of("a", {}), fingerprint_of("b", {}));
  EXPECT_NE(fingerprint_of("a", {}), fingerprint_of("a", {.transaction = true}));
  EXPECT_NE(fingerprint_of("a", {}), fingerprint_of("a", {.unified = true}));
  EXPECT_EQ(fingerprint_of("a", {}), fingerprint_of("a", {.timings = true}));
}

TEST(RequestKeysTest, TheOldestGoFirst) {
  RequestKeys keys({.keys = 3, .bytes = 1 << 20, .result_bytes = 1000});
  for (const char* key : {"a", "b", "c", "d"}) keys.add(key, kA, result_of(key));
  EXPECT_EQ(shown(keys.find("a", kA)), "execute");
  EXPECT_EQ(shown(keys.find("b", kA)), "b");
  EXPECT_EQ(keys.size(), 3u);
}

TEST(RequestKeysTest, AreBoundedInBytes) {
  RequestKeys keys({.keys = 1000, .bytes = 10'000, .result_bytes = 2000});
  for (int i = 0; i < 100; i++) keys.add(std::to_string(i), kA, result_of(std::string(1000, 'x')));
  EXPECT_LE(keys.record_bytes(), 10'000u);
  EXPECT_GT(keys.size(), 5u);
}

TEST(RequestKeysTest, OfAVeryLargeResultOnlyTheFactIsKept) {
  RequestKeys keys({.keys = 10, .bytes = 1 << 20, .result_bytes = 1000});
  RequestResult large;
  large.statements.resize(1000);
  keys.add("k", kA, large);
  EXPECT_EQ(shown(keys.find("k", kA)), "error executed before; its results were too large to keep");
}

TEST(RequestKeysTest, WhatIsRolledBackNeverWas) {
  for (std::uint64_t seed = 1; seed <= 500; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const RequestKeys::Limits limits{
        .keys = 1 + random.below(8), .bytes = 200 + random.below(2000), .result_bytes = 500};
    RequestKeys keys(limits);
    RequestKeys model(limits);  // only ever hears of what is committed
    std::uint64_t next = 0;
    std::vector<OutcomeRecord> journal;
    for (int group = 0; group < 30; group++) {
      const std::uint64_t first = next;
      for (std::uint64_t i = random.below(12); i > 0; i--) {
        keys.add(std::to_string(next++), kA, result_of(std::string(random.below(300), 'x')));
      }
      (void)first;
      if (random.chance(0.4)) {
        keys.roll_back();
      } else {
        for (OutcomeRecord& each : keys.commit()) {
          journal.push_back(each);
          model.restore(each, *read_record(*each));
        }
      }
      ASSERT_EQ(keys.size(), model.size());
      ASSERT_EQ(keys.record_bytes(), model.record_bytes());
      for (std::uint64_t i = 0; i < next; i++) {
        ASSERT_EQ(shown(keys.find(std::to_string(i), kA)),
                  shown(model.find(std::to_string(i), kA)));
      }
    }
    // A start that reads the journal, or only what is still kept, comes to the same.
    for (const std::vector<OutcomeRecord>& records : {journal, keys.records()}) {
      RequestKeys restarted(limits);
      for (const OutcomeRecord& each : records) restarted.restore(each, *read_record(*each));
      ASSERT_EQ(restarted.records(), keys.records());
    }
  }
}

}  // namespace
}  // namespace rqlite::store
