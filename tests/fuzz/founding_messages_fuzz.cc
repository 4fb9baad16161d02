// What nodes that found a cluster say to each other, and keep.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "cluster/founding_messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rqlite::cluster;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  // What is understood survives being written and read.
  switch (data[0] % 4) {
    case 0:
      if (const auto view = decode_founder_view(bytes)) {
        CHECK(encode(*decode_founder_view(encode(*view))) == encode(*view));
      }
      return 0;
    case 1:
      if (const auto request = decode_founding_request(bytes)) {
        CHECK(encode(*decode_founding_request(encode(*request))) == encode(*request));
      }
      return 0;
    case 2:
      if (const auto answer = decode_vote_answer(bytes)) {
        CHECK(decode_vote_answer(encode(*answer)) == answer);
      }
      return 0;
    default:
      if (const auto state = decode_vote_state(bytes)) {
        CHECK(decode_vote_state(encode_vote_state(*state)) == state);
      }
      return 0;
  }
}
