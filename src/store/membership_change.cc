#include "store/membership_change.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace rqlite::store {
namespace {

enum Field : protozero::pbf_tag_type {
  kRaftId = 1,
  kNodeId = 2,
  kRaftAddress = 3,
  kReadsOnly = 4,
};

}  // namespace

Bytes encode_membership_change(const MembershipChange& change) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_fixed64(kRaftId, change.raft_id.value());
  writer.add_string(kNodeId, change.member.node_id);
  writer.add_string(kRaftAddress, change.member.raft_address);
  if (!change.member.wants_vote) writer.add_bool(kReadsOnly, true);
  return bytes;
}

std::optional<MembershipChange> decode_membership_change(BytesView bytes) {
  MembershipChange change;
  try {
    protozero::pbf_reader reader(bytes.data(), bytes.size());
    while (reader.next()) {
      switch (reader.tag()) {
        case kRaftId:
          change.raft_id = raft::RaftId(reader.get_fixed64());
          break;
        case kNodeId:
          change.member.node_id = reader.get_string();
          break;
        case kRaftAddress:
          change.member.raft_address = reader.get_string();
          break;
        case kReadsOnly:
          change.member.wants_vote = reader.get_uint64() == 0;
          break;
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::nullopt;
  }
  if (change.raft_id == raft::RaftId()) return std::nullopt;
  return change;
}

}  // namespace rqlite::store
