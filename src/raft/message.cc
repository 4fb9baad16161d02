#include "raft/message.h"

#include <protozero/pbf_reader.hpp>

namespace rqlite::raft {
namespace {

using protozero::pbf_wire_type;
using protozero::tag_and_type;

// eraftpb.Message, Snapshot and SnapshotMetadata of raft-rs 0.7. A field of another wire type than
// theirs is skipped like an unknown one.
constexpr auto kEntry = tag_and_type(7, pbf_wire_type::length_delimited);
constexpr auto kSnapshot = tag_and_type(9, pbf_wire_type::length_delimited);
constexpr auto kSnapshotData = tag_and_type(1, pbf_wire_type::length_delimited);
constexpr auto kSnapshotMetadata = tag_and_type(2, pbf_wire_type::length_delimited);
constexpr auto kMetadataConfState = tag_and_type(1, pbf_wire_type::length_delimited);
constexpr auto kMetadataIndex = tag_and_type(2, pbf_wire_type::varint);
constexpr auto kMetadataTerm = tag_and_type(3, pbf_wire_type::varint);

void read_metadata(protozero::pbf_reader reader, Snapshot& snapshot) {
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case kMetadataConfState:
        snapshot.conf_state = reader.get_string();
        break;
      case kMetadataIndex:
        snapshot.index = Index(reader.get_uint64());
        break;
      case kMetadataTerm:
        snapshot.term = Term(reader.get_uint64());
        break;
      default:
        reader.skip();
    }
  }
}

Snapshot read_snapshot(protozero::pbf_reader reader) {
  Snapshot snapshot;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case kSnapshotData:
        snapshot.data = reader.get_string();
        break;
      case kSnapshotMetadata:
        read_metadata(reader.get_message(), snapshot);
        break;
      default:
        reader.skip();
    }
  }
  return snapshot;
}

}  // namespace

std::optional<MessageContent> peek_message(BytesView message) {
  MessageContent content;
  try {
    protozero::pbf_reader reader(message.data(), message.size());
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case kEntry:
          content.entries++;
          content.entry_bytes += reader.get_view().size();
          break;
        case kSnapshot:
          content.snapshot = read_snapshot(reader.get_message());
          break;
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::nullopt;
  }
  return content;
}

}  // namespace rqlite::raft
