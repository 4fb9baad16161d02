// What another node sends: the bodies and headers of the inter-node port, and a part of a snapshot.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/check.h"
#include "cluster/peer_protocol.h"
#include "raft/message.h"

namespace {

using namespace rqlite;
using namespace rqlite::cluster;

// What it says survives being written and read.
template <typename Decode>
void check(BytesView bytes, Decode decode) {
  const auto first = decode(bytes);
  if (!first) return;
  const Bytes written = encode(*first);
  const auto second = decode(written);
  CHECK(second && encode(*second) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const BytesView bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 9) {
    case 0:
      check(bytes, decode_node_identity);
      break;
    case 1:
      check(bytes, decode_join_request);
      break;
    case 2:
      check(bytes, decode_node_meta);
      break;
    case 3:
      check(bytes, decode_snapshot_offer);
      break;
    case 4:
      check(bytes, decode_batch_results);
      break;
    case 5:
      if (const std::optional<Bytes> content = decode_part(Bytes(bytes))) {
        CHECK(encode_part(*content) == bytes);
      }
      break;
    case 6:
      if (const auto message = raft::peek_message(bytes); message && message->snapshot) {
        CHECK(raft::peek_message(raft::with_snapshot(bytes, *message->snapshot)));
      }
      break;
    case 7:
      if (const auto id = raft_id_of(bytes)) CHECK(raft_id_of(to_text(*id)) == id);
      break;
    default:
      (void)failure_of(503, {{std::string(kCodeHeader), Bytes(bytes)}}, bytes);
  }
  return 0;
}
