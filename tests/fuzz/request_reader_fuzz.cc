// What a client sends, in pieces of the size that the first byte says, with bodies that stay or are
// passed on as its lowest bit says; the bounds hold, and what was counted is given back.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/check.h"
#include "net/request_reader.h"

namespace {

using rqlite::net::Request;
using rqlite::net::RequestReader;
using rqlite::net::ServerLimits;
using Event = RequestReader::Event;

ServerLimits limits() {
  ServerLimits limits;
  limits.header_bytes_max = 4000;
  limits.header_lines_max = 50;
  limits.body_bytes_max = 10'000;
  limits.all_bytes_max = 200'000;
  return limits;
}

// False: the connection would end.
bool go_on(RequestReader& reader, bool pass_on) {
  while (true) {
    switch (reader.next()) {
      case Event::kNeedsMore:
        return true;
      case Event::kHead:
        if (!reader.head()) return false;
        if (pass_on) {
          reader.pass_body_on();
        } else if (!reader.keep_body()) {
          CHECK(reader.refusal().status == 413);
          return false;
        }
        break;
      case Event::kPiece:
        (void)reader.take_piece();
        break;
      case Event::kWhole: {
        const std::optional<Request> head = reader.head();
        if (!head) return false;
        CHECK(!head->method.empty());
        const RequestReader::Message message = reader.take();
        // A read may bring a whole body, and what it brings is bounded.
        CHECK(!pass_on || message.body().size() <= 256 * 1024);
        reader.give_back();
        reader.begin();
        if (!reader.has_more()) return true;
        break;
      }
      case Event::kRefused:
        CHECK(reader.refusal().status >= 400);
        reader.drop();
        return false;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t piece = 1 + data[0] / 2;
  std::atomic<std::size_t> received = 0;
  {
    const ServerLimits bounds = limits();
    RequestReader reader(bounds, received);
    reader.begin();
    bool goes_on = true;
    while (goes_on && !bytes.empty()) {
      const boost::asio::mutable_buffer room = reader.room();
      const std::size_t count = std::min({piece, bytes.size(), room.size()});
      bytes.copy(static_cast<char*>(room.data()), count);
      bytes.remove_prefix(count);
      reader.received(count);
      goes_on = go_on(reader, data[0] % 2 == 1);
      CHECK(received <= bounds.all_bytes_max);
    }
  }
  CHECK(received == 0);
  return 0;
}
