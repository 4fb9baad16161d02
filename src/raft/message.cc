#include "raft/message.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace rqlite::raft {
namespace {

using protozero::pbf_wire_type;
using protozero::tag_and_type;

// eraftpb.Message, Snapshot and SnapshotMetadata of raft-rs 0.7. A field of another wire type than
// theirs is skipped like an unknown one.
enum MessageField : protozero::pbf_tag_type {
  kTypeField = 1,
  kToField = 2,
  kFromField = 3,
  kTermField = 4,
  kLogTermField = 5,
  kIndexOfField = 6,
  kEntryField = 7,
  kCommitField = 8,
  kSnapshotField = 9,
  kLastField = 16,  // of all that it has
  // Ours, which raft-rs skips: whether the sender has no room.
  kNoRoomField = 1000,
};
enum EntryField : protozero::pbf_tag_type { kEntryTermField = 2, kEntryIndexField = 3 };
enum SnapshotField : protozero::pbf_tag_type { kDataField = 1, kMetadataField = 2 };
enum MetadataField : protozero::pbf_tag_type {
  kConfStateField = 1,
  kIndexField = 2,
  kTermOfIndexField = 3,
};
constexpr std::uint64_t kAppendType = 3;       // MsgAppend
constexpr std::uint64_t kSnapshotType = 7;     // MsgSnapshot
constexpr std::uint64_t kHeartbeatType = 8;    // MsgHeartbeat
constexpr std::uint64_t kTimeoutNowType = 14;  // MsgTimeoutNow

constexpr auto kType = tag_and_type(kTypeField, pbf_wire_type::varint);
constexpr auto kNoRoom = tag_and_type(kNoRoomField, pbf_wire_type::varint);
constexpr auto kTo = tag_and_type(kToField, pbf_wire_type::varint);
constexpr auto kFrom = tag_and_type(kFromField, pbf_wire_type::varint);
constexpr auto kTerm = tag_and_type(kTermField, pbf_wire_type::varint);
constexpr auto kLogTerm = tag_and_type(kLogTermField, pbf_wire_type::varint);
constexpr auto kIndexOf = tag_and_type(kIndexOfField, pbf_wire_type::varint);
constexpr auto kEntry = tag_and_type(kEntryField, pbf_wire_type::length_delimited);
constexpr auto kCommit = tag_and_type(kCommitField, pbf_wire_type::varint);
constexpr auto kEntryTerm = tag_and_type(kEntryTermField, pbf_wire_type::varint);
constexpr auto kEntryIndex = tag_and_type(kEntryIndexField, pbf_wire_type::varint);
constexpr auto kSnapshot = tag_and_type(kSnapshotField, pbf_wire_type::length_delimited);
constexpr auto kSnapshotData = tag_and_type(kDataField, pbf_wire_type::length_delimited);
constexpr auto kSnapshotMetadata = tag_and_type(kMetadataField, pbf_wire_type::length_delimited);
constexpr auto kMetadataConfState = tag_and_type(kConfStateField, pbf_wire_type::length_delimited);
constexpr auto kMetadataIndex = tag_and_type(kIndexField, pbf_wire_type::varint);
constexpr auto kMetadataTerm = tag_and_type(kTermOfIndexField, pbf_wire_type::varint);

void read_type(std::uint64_t type, MessageContent& content) {
  content.is_append = type == kAppendType;
  content.is_heartbeat = type == kHeartbeatType;
  content.hands_over = type == kTimeoutNowType;
}

EntryId read_entry(protozero::pbf_reader reader) {
  EntryId entry;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case kEntryTerm:
        entry.term = Term(reader.get_uint64());
        break;
      case kEntryIndex:
        entry.index = Index(reader.get_uint64());
        break;
      default:
        reader.skip();
    }
  }
  return entry;
}

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

void write_snapshot(protozero::pbf_writer& message, const Snapshot& snapshot) {
  protozero::pbf_writer nested(message, kSnapshotField);
  nested.add_bytes(kDataField, snapshot.data);
  protozero::pbf_writer metadata(nested, kMetadataField);
  metadata.add_message(kConfStateField, snapshot.conf_state);
  metadata.add_uint64(kIndexField, snapshot.index.value());
  metadata.add_uint64(kTermOfIndexField, snapshot.term.value());
}

}  // namespace

std::optional<MessageContent> peek_message(BytesView message) {
  MessageContent content;
  try {
    protozero::pbf_reader reader(message.data(), message.size());
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case kType:
          read_type(reader.get_uint64(), content);
          break;
        case kNoRoom:
          content.has_room = !reader.get_bool();
          break;
        case kFrom:
          content.from = RaftId(reader.get_uint64());
          break;
        case kTo:
          content.to = RaftId(reader.get_uint64());
          break;
        case kTerm:
          content.term = Term(reader.get_uint64());
          break;
        case kLogTerm:
          content.before.term = Term(reader.get_uint64());
          break;
        case kIndexOf:
          content.before.index = Index(reader.get_uint64());
          break;
        case kCommit:
          content.commit = Index(reader.get_uint64());
          break;
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

std::vector<EntryId> entries_of(BytesView message) {
  std::vector<EntryId> entries;
  try {
    protozero::pbf_reader reader(message.data(), message.size());
    while (reader.next()) {
      if (reader.tag_and_type() == kEntry) {
        entries.push_back(read_entry(reader.get_message()));
      } else {
        reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return {};
  }
  return entries;
}

Bytes without_room(BytesView message) {
  Bytes bytes(message);
  protozero::pbf_writer(bytes).add_bool(kNoRoomField, true);
  return bytes;
}

Bytes with_snapshot(BytesView message, const Snapshot& snapshot) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  protozero::pbf_reader reader(message.data(), message.size());
  while (reader.next()) {
    const protozero::pbf_tag_type tag = reader.tag();
    if (tag == kSnapshotField || tag > kLastField) {
      reader.skip();
    } else if (reader.wire_type() == pbf_wire_type::varint) {
      writer.add_uint64(tag, reader.get_uint64());
    } else if (reader.wire_type() == pbf_wire_type::length_delimited) {
      writer.add_bytes(tag, reader.get_view());
    } else {
      reader.skip();
    }
  }
  write_snapshot(writer, snapshot);
  return bytes;
}

Bytes snapshot_message(RaftId from, RaftId to, Term term, const Snapshot& snapshot) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_uint64(kTypeField, kSnapshotType);
  writer.add_uint64(kToField, to.value());
  writer.add_uint64(kFromField, from.value());
  writer.add_uint64(kTermField, term.value());
  write_snapshot(writer, snapshot);
  return bytes;
}

}  // namespace rqlite::raft
