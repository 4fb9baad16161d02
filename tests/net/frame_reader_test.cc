#include "net/frame_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace rqlite::net {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Bytes frame(BytesView content) {
  Bytes bytes;
  append_number(bytes, static_cast<std::uint32_t>(content.size()));
  return bytes += content;
}

// Frames of up to 1000 bytes.
class FrameReaderTest : public ::testing::Test {
 protected:
  // The frames that are complete after `bytes`.
  std::vector<Bytes> read(BytesView bytes) {
    std::vector<Bytes> frames;
    while (true) {
      Result<std::optional<Bytes>> next = reader_.take(bytes);
      if (!next.ok()) {
        frames.push_back("error: " + next.error().text());
        return frames;
      }
      if (!*next) {
        EXPECT_THAT(bytes, IsEmpty());
        return frames;
      }
      frames.push_back(**std::move(next));
    }
  }

  FrameReader reader_{1000};
};

TEST_F(FrameReaderTest, ManyFramesMayComeAtOnce) {
  EXPECT_THAT(read(frame("a") + frame("") + frame("bc")), ElementsAre("a", "", "bc"));
  EXPECT_THAT(read(""), IsEmpty());
}

TEST_F(FrameReaderTest, FramesMayComeByteByByte) {
  const Bytes all = frame("first") + frame("") + frame(std::string(300, 'x'));
  std::vector<Bytes> frames;
  for (const char byte : all) {
    for (Bytes& each : read({&byte, 1})) frames.push_back(std::move(each));
  }
  EXPECT_THAT(frames, ElementsAre("first", "", std::string(300, 'x')));
}

TEST_F(FrameReaderTest, AFrameMayBeCutAnywhere) {
  const Bytes all = frame("ab") + frame("cd");
  for (std::size_t cut = 0; cut <= all.size(); cut++) {
    std::vector<Bytes> frames = read(BytesView(all).substr(0, cut));
    for (Bytes& each : read(BytesView(all).substr(cut))) frames.push_back(std::move(each));
    EXPECT_THAT(frames, ElementsAre("ab", "cd")) << cut;
  }
}

TEST_F(FrameReaderTest, ATooLargeFrameIsRefusedByItsHead) {
  EXPECT_THAT(read(frame(std::string(1000, 'x'))), ElementsAre(std::string(1000, 'x')));
  EXPECT_THAT(read(frame("ok") + "\xe9\x03\0\0"s),
              ElementsAre("ok", "error: a frame of 1001 bytes, where 1000 are allowed"));
}

TEST_F(FrameReaderTest, ATooLargeFrameIsRefusedHoweverItsHeadComes) {
  EXPECT_THAT(read("\xff\xff"), IsEmpty());
  EXPECT_THAT(read("\xff\xff"),
              ElementsAre("error: a frame of 4294967295 bytes, where 1000 are allowed"));
}

}  // namespace
}  // namespace rqlite::net
