#include "net/request_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>

namespace rqlite::net {
namespace {

using Event = RequestReader::Event;

// What a connection does with a reader, without the connection.
class RequestReaderTest : public ::testing::Test {
 protected:
  RequestReaderTest() {
    limits_.header_bytes_max = 2000;
    limits_.body_bytes_max = 300'000;
    limits_.all_bytes_max = 500'000;
    reader_.emplace(limits_, received_bytes_);
    reader_->begin();
  }

  // What follows from the bytes, which come `piece` by `piece`.
  Event receive(std::string_view bytes, std::size_t piece = 1'000'000) {
    Event last = Event::kNeedsMore;
    while (!bytes.empty() && last == Event::kNeedsMore) {
      const boost::asio::mutable_buffer room = reader_->room();
      const std::size_t size = std::min({bytes.size(), piece, room.size()});
      bytes.copy(static_cast<char*>(room.data()), size);
      bytes.remove_prefix(size);
      reader_->received(size);
      last = reader_->next();
    }
    EXPECT_EQ(bytes, "");
    return last;
  }

  ServerLimits limits_;
  std::atomic<std::size_t> received_bytes_ = 0;
  std::optional<RequestReader> reader_;
};

TEST_F(RequestReaderTest, ARequestMayComeByteByByte) {
  ASSERT_EQ(receive("GET /a%20b?x=1 HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n", 1), Event::kWhole);
  const std::optional<Request> head = reader_->head();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->method + " " + head->path + "?" + head->raw_query, "GET /a b?x=1");
  EXPECT_EQ(reader_->fields()["X"], "y");
  EXPECT_TRUE(reader_->keeps_alive());
  EXPECT_FALSE(reader_->is_http_1_0());
}

TEST_F(RequestReaderTest, WhatIsBehindARequestIsTheNext) {
  ASSERT_EQ(receive("GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nrest"),
            Event::kWhole);
  EXPECT_EQ(reader_->head()->path, "/1");
  EXPECT_TRUE(reader_->is_http_1_0());
  (void)reader_->take();
  EXPECT_TRUE(reader_->has_more());
  reader_->begin();
  ASSERT_EQ(reader_->next(), Event::kWhole);
  EXPECT_EQ(reader_->head()->path, "/2");
  (void)reader_->take();
  EXPECT_EQ(reader_->take_rest(), "rest");
  EXPECT_FALSE(reader_->has_more());
}

TEST_F(RequestReaderTest, ABodyIsAskedAboutOnlyIfItHasNotCome) {
  ASSERT_EQ(receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"), Event::kWhole);
  EXPECT_EQ(reader_->take().body(), "abc");
  reader_->begin();
  ASSERT_EQ(receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na"), Event::kHead);
  EXPECT_TRUE(reader_->keep_body());
  EXPECT_EQ(reader_->next(), Event::kNeedsMore);
  ASSERT_EQ(receive("bc"), Event::kWhole);
  EXPECT_EQ(reader_->take().body(), "abc");
}

TEST_F(RequestReaderTest, ABodyThatIsPassedOnComesInPiecesAndHasNoBound) {
  ASSERT_EQ(receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 700000\r\n\r\n"), Event::kHead);
  reader_->pass_body_on();
  EXPECT_EQ(reader_->next(), Event::kNeedsMore);
  std::size_t passed = 0;
  Event event = Event::kNeedsMore;
  for (int i = 0; i < 70; i++) {
    for (event = receive(std::string(10'000, 'x')); event == Event::kPiece;
         event = reader_->next()) {
      passed += reader_->take_piece().size();
    }
  }
  EXPECT_EQ(event, Event::kWhole);
  EXPECT_EQ(passed, 700'000u);
  EXPECT_EQ(reader_->take().body(), "");
  EXPECT_EQ(received_bytes_, 0u);
}

TEST_F(RequestReaderTest, ATrailerIsNoPartOfTheHead) {
  ASSERT_EQ(receive("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "1\r\na\r\n0\r\nContent-Type: x/y\r\nConnection: close\r\n\r\n"),
            Event::kWhole);
  EXPECT_EQ(reader_->head()->content_type, "");
  EXPECT_TRUE(reader_->keeps_alive());
  EXPECT_EQ(reader_->take().body(), "a");
}

TEST_F(RequestReaderTest, WhatIsHeldIsCountedUntilItIsGivenBack) {
  ASSERT_EQ(receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 250000\r\n\r\n"), Event::kHead);
  ASSERT_TRUE(reader_->keep_body());
  EXPECT_EQ(receive(std::string(249'999, 'x'), 100'000), Event::kNeedsMore);
  EXPECT_EQ(received_bytes_, 249'999u);
  ASSERT_EQ(receive("x"), Event::kWhole);
  reader_->give_back();
  EXPECT_EQ(received_bytes_, 0u);
}

TEST_F(RequestReaderTest, OneThatIsDestroyedGivesBackWhatItHolds) {
  ASSERT_EQ(receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 250000\r\n\r\n"), Event::kHead);
  ASSERT_TRUE(reader_->keep_body());
  EXPECT_EQ(receive(std::string(200'000, 'x')), Event::kNeedsMore);
  EXPECT_EQ(received_bytes_, 200'000u);
  reader_.reset();
  EXPECT_EQ(received_bytes_, 0u);
}

TEST_F(RequestReaderTest, TooMuchOfAllRequestsTogetherIsRefused) {
  received_bytes_ = 400'000;
  ASSERT_EQ(receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 250000\r\n\r\n"), Event::kHead);
  ASSERT_TRUE(reader_->keep_body());
  EXPECT_EQ(receive(std::string(200'000, 'x')), Event::kRefused);
  EXPECT_EQ(reader_->refusal().status, 503);
  EXPECT_EQ(received_bytes_, 400'000u);
}

TEST_F(RequestReaderTest, ABodyThatIsAnnouncedTooLargeIsRefusedUnlessItIsPassedOn) {
  ASSERT_EQ(receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300001\r\n\r\n"), Event::kHead);
  EXPECT_FALSE(reader_->keep_body());
  EXPECT_EQ(reader_->refusal().status, 413);
  EXPECT_EQ(reader_->next(), Event::kRefused);
}

class RefusalTest : public RequestReaderTest,
                    public ::testing::WithParamInterface<std::pair<std::string, int>> {};

INSTANTIATE_TEST_SUITE_P(
    , RefusalTest,
    ::testing::Values(
        std::pair("nonsense\r\n\r\n", 400), std::pair("GET / HTTP/1.1\r\n\r\n", 400),
        std::pair("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400),
        std::pair("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(3000, 'x') + "\r\n\r\n", 431),
        std::pair("GET / HTTP/1.1\r\nHost: h\r\nExpect: magic\r\n\r\n", 417),
        std::pair("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        std::pair("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        std::pair("GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505)));

TEST_P(RefusalTest, WhatIsNoRequestIsRefused) {
  const auto& [request, status] = GetParam();
  EXPECT_EQ(receive(request), Event::kRefused);
  EXPECT_EQ(reader_->refusal().status, status);
  reader_->drop();
  EXPECT_FALSE(reader_->has_more());
}

}  // namespace
}  // namespace rqlite::net
