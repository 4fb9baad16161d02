#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "command/command.h"
#include "command/result.h"
#include "net/header_fields.h"
#include "net/message.h"
#include "raft/types.h"
#include "store/snapshot_record.h"

namespace rqlite::cluster {

// What nodes say to each other over the inter-node port, which is HTTP/1.1. Bodies are in
// protobuf's encoding; numbers of fields are never used again for something else.

// Every request but those of a node that has no cluster yet names the cluster, and is refused by a
// member of another one.
inline constexpr std::string_view kClusterHeader = "Rqlite-Cluster";
// Who sends, and to whom, by Raft id in hexadecimal.
inline constexpr std::string_view kFromHeader = "Rqlite-From";
inline constexpr std::string_view kToHeader = "Rqlite-To";
// Where the sender of a stream is to be found.
inline constexpr std::string_view kAddressHeader = "Rqlite-Address";

// GET, an Upgrade to kStreamProtocol: frames from one member's core to another's.
inline constexpr std::string_view kStreamPath = "/peer/1/stream";
inline constexpr std::string_view kStreamProtocol = "rqlite-raft";
// The last byte of a frame: what stands before it is a message, or one that announces a snapshot.
inline constexpr char kMessageFrame = 'm';
inline constexpr char kSnapshotFrame = 's';
// The largest entry is a request of 256 MiB.
inline constexpr std::size_t kFrameBytesMax = 320 << 20;

inline constexpr std::string_view kIdentityPath = "/peer/1/identity";   // GET: NodeIdentity
inline constexpr std::string_view kJoinPath = "/peer/1/join";           // POST JoinRequest
inline constexpr std::string_view kMetaPath = "/peer/1/meta";           // GET: NodeMeta
inline constexpr std::string_view kSnapshotPath = "/peer/1/snapshot";   // GET: SnapshotOffer
inline constexpr std::string_view kPartPath = "/peer/1/snapshot/part";  // GET: SnapshotPart
// POST, with the reason if it did not arrive
inline constexpr std::string_view kSnapshotDonePath = "/peer/1/snapshot/done";
inline constexpr std::string_view kBatchPath = "/peer/1/batch";  // POST a batch: BatchResults
// GET, of a leader: BatchResults without results, once it has applied everything up to "index"
inline constexpr std::string_view kAppliedPath = "/peer/1/applied";
// Before the path of a client's request that another node passes on.
inline constexpr std::string_view kForwardPath = "/peer/1/forward";
// Of such a request that may write, and may come again: its command::Origin. What it fails with is
// told as a failure between nodes.
inline constexpr std::string_view kOriginHeader = "Rqlite-Origin";
std::string to_text(const command::Origin& origin);
std::optional<command::Origin> origin_of(const net::Request& request);

// Who a node is, for one that has been told where it is.
struct NodeIdentity {
  raft::RaftId raft_id;
  std::string node_id;
  // Random, of this start of the process: tells it from one that has a copy of its data. Zero: it
  // does not say.
  std::uint64_t process = 0;
};
Bytes encode(const NodeIdentity& identity);
std::optional<NodeIdentity> decode_node_identity(BytesView bytes);

// A node that wants to be a member of the cluster.
struct JoinRequest {
  NodeIdentity identity;
  std::string raft_address;
  bool wants_vote = true;
  std::string cluster_id;   // of which it is, or was, a member; empty: of none yet
  bool asks_again = false;  // it was told to: this is no request of its own
};
Bytes encode(const JoinRequest& request);
std::optional<JoinRequest> decode_join_request(BytesView bytes);

// What a member says of itself to others.
struct NodeMeta {
  std::string api_url;  // "http://host:port", as clients reach it
  std::string version;
  raft::Index commit;
};
Bytes encode(const NodeMeta& meta);
std::optional<NodeMeta> decode_node_meta(BytesView bytes);

// A snapshot that is held for one member.
struct SnapshotOffer {
  std::uint64_t id = 0;
  store::SnapshotRecord record;
  std::uint64_t main_bytes = 0;
  bool wants_packing = false;  // of the sender: its parts had better be asked for as packed ones
};
Bytes encode(const SnapshotOffer& offer);
std::optional<SnapshotOffer> decode_snapshot_offer(BytesView bytes);

enum class SnapshotFile : std::uint64_t { kMain = 0, kOutcomes = 1 };
// What one request for a part brings at most.
inline constexpr std::size_t kPartBytes = 4 << 20;
// With "packed=1" in the query it comes as pack() makes it (packed_part.h), whoever sends it.
// A part is its content and, behind that, the XXH3-64 of it, little-endian.
Bytes encode_part(Bytes content);
// Nullopt if the checksum is not that of the content.
std::optional<Bytes> decode_part(Bytes part);

// What a batch of queued requests did. Of the result before them, field 3 says how its key was
// used, if it was not executed, and field 4 how long its statements took, if that was asked for.
struct BatchResults {
  raft::Index index;
  std::vector<command::RequestResult> results;
};
Bytes encode(const BatchResults& results);
std::optional<BatchResults> decode_batch_results(BytesView bytes);

// A failure between nodes is a status of HTTP with the code in a header and the text as its body.
inline constexpr std::string_view kCodeHeader = "Rqlite-Code";
net::Response failure(const Status& why);
// Precondition: the answer's status is not 200.
Status failure_of(int status, const net::HeaderFields& headers, BytesView body);
// The same of whoever is where the leader was. That one of another cluster, or of none, refuses
// says nothing of what the leader would say, so it may be asked again: who that is, members find
// out. An answer without a code, of a proxy, or of a node that let go of the request as it stopped,
// does not say that nothing came of it: kUnknown.
Status failure_of_leader(int status, const net::HeaderFields& headers, BytesView body);
// What an answer says to people, for a line of the log: on one line, and without what ends it.
std::string message_in(BytesView body);

std::string to_text(raft::RaftId id);
std::optional<raft::RaftId> raft_id_of(std::string_view text);
// The value of a header, if there is exactly one.
std::optional<std::string_view> header_of(const net::Request& request, std::string_view name);

}  // namespace rqlite::cluster
