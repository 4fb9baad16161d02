#include "raft/members.h"

#include <algorithm>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <utility>

#include "base/check.h"

namespace rqlite::raft {
namespace {

// eraftpb.ConfState of raft-rs 0.7. The fields 3 to 5 belong to joint changes, which we never
// make: one member changes at a time.
enum class Field : protozero::pbf_tag_type { kVoters = 1, kLearners = 2 };

void add_number(protozero::pbf_writer& writer, Field field, const std::vector<RaftId>& ids) {
  for (RaftId id : ids) {
    writer.add_uint64(static_cast<protozero::pbf_tag_type>(field), id.value());
  }
}

// The encoder may pack numbers or not; both are valid protobuf.
void take_numbers(protozero::pbf_reader& reader, std::vector<RaftId>& ids) {
  if (reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
    for (const std::uint64_t id : reader.get_packed_uint64()) ids.push_back(RaftId(id));
  } else if (reader.wire_type() == protozero::pbf_wire_type::varint) {
    ids.push_back(RaftId(reader.get_uint64()));
  } else {
    throw protozero::unknown_pbf_wire_type_exception();
  }
}

}  // namespace

bool Members::is_voter(RaftId id) const {
  return std::find(voters.begin(), voters.end(), id) != voters.end();
}

bool Members::contains(RaftId id) const {
  return is_voter(id) || std::find(learners.begin(), learners.end(), id) != learners.end();
}

Members decode_members(BytesView conf_state) {
  std::optional<Members> members = read_members(conf_state);
  CHECK(members);
  return *std::move(members);
}

std::optional<Members> read_members(BytesView conf_state) {
  Members members;
  try {
    protozero::pbf_reader reader(conf_state.data(), conf_state.size());
    while (reader.next()) {
      switch (reader.tag()) {
        case static_cast<protozero::pbf_tag_type>(Field::kVoters):
          take_numbers(reader, members.voters);
          break;
        case static_cast<protozero::pbf_tag_type>(Field::kLearners):
          take_numbers(reader, members.learners);
          break;
        default:
          return std::nullopt;  // a joint change
      }
    }
  } catch (const protozero::exception&) {
    return std::nullopt;
  }
  std::sort(members.voters.begin(), members.voters.end());
  std::sort(members.learners.begin(), members.learners.end());
  return members;
}

Bytes encode_members(const Members& members) {
  Bytes encoded;
  protozero::pbf_writer writer(encoded);
  add_number(writer, Field::kVoters, members.voters);
  add_number(writer, Field::kLearners, members.learners);
  return encoded;
}

}  // namespace rqlite::raft
