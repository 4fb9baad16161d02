#include "raft/peer_message.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace rqlite::raft {
namespace {

enum Field : protozero::pbf_tag_type {
  kType = 1,
  kTo = 2,
  kFrom = 3,
  kTerm = 4,
  kLogTerm = 5,
  kIndex = 6,
  kEntries = 7,
  kCommit = 8,
  kSnapshot = 9,
  kReject = 10,
  kRejectHint = 11,
  kContext = 12,
};
enum EntryField : protozero::pbf_tag_type {
  kEntryKind = 1,
  kEntryTerm = 2,
  kEntryIndex = 3,
  kEntryData = 4,
};

Bytes encode_snapshot(const Snapshot& snapshot) {
  Bytes metadata;
  protozero::pbf_writer metadata_writer(metadata);
  metadata_writer.add_message(1, snapshot.conf_state);
  metadata_writer.add_uint64(2, snapshot.index.value());
  metadata_writer.add_uint64(3, snapshot.term.value());
  Bytes encoded;
  protozero::pbf_writer writer(encoded);
  writer.add_bytes(1, snapshot.data);
  writer.add_message(2, metadata);
  return encoded;
}

LogEntry decode_entry(protozero::pbf_reader reader) {
  LogEntry entry;
  while (reader.next()) {
    switch (reader.tag()) {
      case kEntryKind:
        entry.kind = static_cast<EntryKind>(reader.get_enum());
        break;
      case kEntryTerm:
        entry.term = Term(reader.get_uint64());
        break;
      case kEntryIndex:
        entry.index = Index(reader.get_uint64());
        break;
      case kEntryData:
        entry.data = reader.get_bytes();
        break;
      default:
        reader.skip();
    }
  }
  return entry;
}

}  // namespace

Bytes encode_message(const PeerMessage& message) {
  Bytes encoded;
  protozero::pbf_writer writer(encoded);
  writer.add_enum(kType, static_cast<std::int32_t>(message.type));
  writer.add_uint64(kTo, message.to.value());
  writer.add_uint64(kFrom, message.from.value());
  writer.add_uint64(kTerm, message.term.value());
  writer.add_uint64(kLogTerm, message.log_term.value());
  writer.add_uint64(kIndex, message.index.value());
  for (const LogEntry& entry : message.entries) {
    protozero::pbf_writer entry_writer(writer, kEntries);
    entry_writer.add_enum(kEntryKind, static_cast<std::int32_t>(entry.kind));
    entry_writer.add_uint64(kEntryTerm, entry.term.value());
    entry_writer.add_uint64(kEntryIndex, entry.index.value());
    entry_writer.add_bytes(kEntryData, entry.data);
  }
  writer.add_uint64(kCommit, message.commit.value());
  writer.add_bool(kReject, message.reject);
  writer.add_uint64(kRejectHint, message.reject_hint.value());
  writer.add_bytes(kContext, message.context);
  if (message.snapshot) writer.add_message(kSnapshot, encode_snapshot(*message.snapshot));
  return encoded;
}

PeerMessage decode_message(BytesView encoded) {
  PeerMessage message;
  protozero::pbf_reader reader(encoded.data(), encoded.size());
  while (reader.next()) {
    switch (reader.tag()) {
      case kType:
        message.type = static_cast<PeerMessage::Type>(reader.get_enum());
        break;
      case kTo:
        message.to = RaftId(reader.get_uint64());
        break;
      case kFrom:
        message.from = RaftId(reader.get_uint64());
        break;
      case kTerm:
        message.term = Term(reader.get_uint64());
        break;
      case kLogTerm:
        message.log_term = Term(reader.get_uint64());
        break;
      case kIndex:
        message.index = Index(reader.get_uint64());
        break;
      case kEntries:
        message.entries.push_back(decode_entry(reader.get_message()));
        break;
      case kCommit:
        message.commit = Index(reader.get_uint64());
        break;
      case kReject:
        message.reject = reader.get_bool();
        break;
      case kRejectHint:
        message.reject_hint = Index(reader.get_uint64());
        break;
      case kContext:
        message.context = reader.get_bytes();
        break;
      default:
        reader.skip();
    }
  }
  return message;
}

}  // namespace rqlite::raft
