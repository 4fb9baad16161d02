#include "net/head_lines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace rqlite::net {
namespace {

// What the parser gets to see if `request` arrives in pieces of `piece` bytes, and the parser takes
// what it can of complete lines.
std::string seen_of(std::string_view request, std::size_t piece) {
  HeadLines lines;
  std::string taken;
  std::string waiting;
  for (std::size_t at = 0; at < request.size(); at += piece) {
    const std::size_t before = waiting.size();
    waiting += request.substr(at, piece);
    if (auto fixed = lines.check(waiting.data(), waiting.size(), before)) waiting = *fixed;
    const std::size_t complete = waiting.rfind("\r\n");
    if (complete == std::string::npos) continue;
    taken += waiting.substr(0, complete + 2);
    waiting.erase(0, complete + 2);
  }
  return taken + waiting;
}

void expect(std::string_view request, std::string_view wanted) {
  for (std::size_t piece = 1; piece <= request.size(); piece++) {
    EXPECT_EQ(seen_of(request, piece), wanted) << "in pieces of " << piece;
  }
}

TEST(HeadLinesTest, WhatIsRightStaysAsItIs) {
  expect("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  expect("GET / HTTP/1.0\r\n\r\nbody\nof lines\n\n", "GET / HTTP/1.0\r\n\r\nbody\nof lines\n\n");
}

TEST(HeadLinesTest, ABareLineFeedGetsItsCarriageReturn) {
  expect("GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  expect("GET / HTTP/1.1\nHost: a\r\n\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(HeadLinesTest, WhatHasArrivedOfTheHeadIsCounted) {
  const std::string request = "GET / HTTP/1.1\nHost: a\r\n\r\nbody\n";
  for (std::size_t piece = 1; piece <= request.size(); piece++) {
    HeadLines lines;
    std::string waiting;
    for (std::size_t at = 0; at < request.size(); at += piece) {
      const std::size_t before = waiting.size();
      waiting += request.substr(at, piece);
      if (auto fixed = lines.check(waiting.data(), waiting.size(), before)) waiting = *fixed;
      const std::size_t arrived = std::min(at + piece, request.size());
      EXPECT_EQ(lines.bytes(), std::min(arrived, request.find("body")));
    }
    EXPECT_EQ(lines.lines(), 3u);
  }
}

TEST(HeadLinesTest, ABodyIsNoHead) {
  expect("POST / HTTP/1.1\nHost: a\n\na\nb HTTP/1.7\n\n",
         "POST / HTTP/1.1\r\nHost: a\r\n\r\na\nb HTTP/1.7\n\n");
}

TEST(HeadLinesTest, ALineThatGoesOnWithTheOneBeforeIsFound) {
  auto is_folded = [](std::string_view request, std::size_t piece) {
    HeadLines lines;
    std::string waiting;
    for (std::size_t at = 0; at < request.size(); at += piece) {
      const std::size_t before = waiting.size();
      waiting += request.substr(at, piece);
      if (auto fixed = lines.check(waiting.data(), waiting.size(), before)) waiting = *fixed;
    }
    return lines.is_folded();
  };
  for (std::size_t piece = 1; piece < 40; piece++) {
    EXPECT_TRUE(is_folded("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", piece)) << piece;
    EXPECT_TRUE(is_folded("GET / HTTP/1.1\n\tb\n\n", piece)) << piece;
    EXPECT_FALSE(is_folded("GET / HTTP/1.1\r\nA:  b \r\n\r\n c\r\n d", piece)) << piece;
  }
}

TEST(HeadLinesTest, LaterVersionsAreTheOneWeKnow) {
  expect("GET / HTTP/1.2\r\n\r\n", "GET / HTTP/1.1\r\n\r\n");
  expect("GET / HTTP/1.9\n\n", "GET / HTTP/1.1\r\n\r\n");
  for (const char* line : {"GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/1.10", "GET / HTTP/1.x",
                           "x HTTP/1.", "x HTTP/1.2 "}) {
    const std::string request = std::string(line) + "\r\nA: b HTTP/1.2\r\n\r\n";
    expect(request, request);
  }
}

}  // namespace
}  // namespace rqlite::net
