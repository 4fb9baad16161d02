#include "store/snapshot_record.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace rqlite::store {
namespace {

using protozero::pbf_wire_type;

// Protobuf's encoding. Field numbers are never used again for something else.
constexpr std::uint32_t kVersion = 1;

enum RecordField : protozero::pbf_tag_type {
  kVersionField = 1,
  kPhase = 2,
  kIndex = 3,
  kTerm = 4,
  kConfState = 5,
  kWalBytes = 6,
  kWalHeader = 7,
  kClusterId = 8,
  kMember = 9,
  kLastInsertRowid = 10,
  kChanges = 11,
  kTotalChanges = 12,
  kForeignKeys = 13,  // absent: the server's own setting
  kStream = 14,
  kJournalSequence = 15,  // absent, with the next two: there is no journal
  kJournalBytes = 16,
  kJournalChecksum = 17,
  kReplacement = 18,
  kSender = 19,
  kIncomingFile = 20,  // absent, with the next two: there is none
  kIncomingBytes = 21,
  kIncomingTerm = 22,
};
enum MemberField : protozero::pbf_tag_type {
  kRaftId = 1,
  kNodeId = 2,
  kRaftAddress = 3,
  kReadsOnly = 4,
};

enum StreamField : protozero::pbf_tag_type {
  kStreamNodeId = 1,
  kEpoch = 2,
  kLast = 3,
  kUsed = 4,
  kFailuresFrom = 5,
  kBegun = 6,
  kStreamMember = 7,
};

enum SenderField : protozero::pbf_tag_type {
  kSenderMember = 1,
  kSenderEpoch = 2,
  kAnsweredBelow = 3,
  kSenderBegun = 4,
};

// `reader`, whose field must have that form: what is read comes from other nodes, too.
protozero::pbf_reader& reader_of(protozero::pbf_reader& reader, pbf_wire_type form) {
  if (!reader.has_wire_type(form)) throw protozero::exception();
  return reader;
}

StreamPosition read_stream(protozero::pbf_reader reader) {
  StreamPosition stream;
  while (reader.next()) {
    switch (reader.tag()) {
      case kStreamNodeId:
        stream.node_id = reader_of(reader, pbf_wire_type::length_delimited).get_string();
        break;
      case kEpoch:
        stream.epoch = reader_of(reader, pbf_wire_type::fixed64).get_fixed64();
        break;
      case kStreamMember:
        stream.member = raft::RaftId(reader_of(reader, pbf_wire_type::fixed64).get_fixed64());
        break;
      case kLast:
        stream.last = reader_of(reader, pbf_wire_type::fixed64).get_fixed64();
        break;
      case kUsed:
        stream.used = raft::Index(reader_of(reader, pbf_wire_type::varint).get_uint64());
        break;
      case kBegun:
        stream.begun = raft::Index(reader_of(reader, pbf_wire_type::varint).get_uint64());
        break;
      case kFailuresFrom:
        stream.failures_from = reader_of(reader, pbf_wire_type::fixed64).get_fixed64();
        break;
      default:
        reader.skip();
    }
  }
  return stream;
}

SenderPosition read_sender(protozero::pbf_reader reader) {
  SenderPosition sender;
  while (reader.next()) {
    switch (reader.tag()) {
      case kSenderMember:
        sender.member = raft::RaftId(reader_of(reader, pbf_wire_type::fixed64).get_fixed64());
        break;
      case kSenderEpoch:
        sender.epoch = reader_of(reader, pbf_wire_type::fixed64).get_fixed64();
        break;
      case kAnsweredBelow:
        sender.answered_below = reader_of(reader, pbf_wire_type::fixed64).get_fixed64();
        break;
      case kSenderBegun:
        sender.begun = raft::Index(reader_of(reader, pbf_wire_type::varint).get_uint64());
        break;
      default:
        reader.skip();
    }
  }
  return sender;
}

void read_member(protozero::pbf_reader reader, ReplicatedState& state) {
  raft::RaftId id;
  Member member;
  while (reader.next()) {
    switch (reader.tag()) {
      case kRaftId:
        id = raft::RaftId(reader_of(reader, pbf_wire_type::fixed64).get_fixed64());
        break;
      case kNodeId:
        member.node_id = reader_of(reader, pbf_wire_type::length_delimited).get_string();
        break;
      case kRaftAddress:
        member.raft_address = reader_of(reader, pbf_wire_type::length_delimited).get_string();
        break;
      case kReadsOnly:
        member.wants_vote = reader_of(reader, pbf_wire_type::varint).get_uint64() == 0;
        break;
      default:
        reader.skip();
    }
  }
  state.members.emplace(id, std::move(member));
}

SnapshotRecord::Phase phase_of(std::uint32_t number) {
  using Phase = SnapshotRecord::Phase;
  for (Phase phase : {Phase::kComplete, Phase::kIntent, Phase::kReplace}) {
    if (static_cast<std::uint32_t>(phase) == number) return phase;
  }
  throw protozero::exception();
}

}  // namespace

Bytes encode_snapshot_record(const SnapshotRecord& record) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_uint32(kVersionField, kVersion);
  writer.add_uint32(kPhase, static_cast<std::uint32_t>(record.phase));
  writer.add_uint64(kIndex, record.index.value());
  writer.add_uint64(kTerm, record.term.value());
  writer.add_bytes(kConfState, record.conf_state);
  writer.add_uint64(kWalBytes, record.wal_bytes);
  writer.add_bytes(kWalHeader, record.wal_header);
  writer.add_string(kClusterId, record.state.cluster_id);
  for (const auto& [id, member] : record.state.members) {
    protozero::pbf_writer nested(writer, kMember);
    nested.add_fixed64(kRaftId, id.value());
    nested.add_string(kNodeId, member.node_id);
    nested.add_string(kRaftAddress, member.raft_address);
    if (!member.wants_vote) nested.add_bool(kReadsOnly, true);
  }
  if (record.replacement != 0) writer.add_fixed64(kReplacement, record.replacement);
  const SessionState& session = record.state.session;
  writer.add_sint64(kLastInsertRowid, session.counters.last_insert_rowid);
  writer.add_sint64(kChanges, session.counters.changes);
  writer.add_sint64(kTotalChanges, session.counters.total_changes);
  if (session.foreign_keys) writer.add_bool(kForeignKeys, *session.foreign_keys);
  for (const StreamPosition& stream : record.state.streams) {
    protozero::pbf_writer nested(writer, kStream);
    nested.add_string(kStreamNodeId, stream.node_id);
    nested.add_fixed64(kEpoch, stream.epoch);
    nested.add_fixed64(kLast, stream.last);
    nested.add_uint64(kUsed, stream.used.value());
    nested.add_fixed64(kFailuresFrom, stream.failures_from);
    nested.add_uint64(kBegun, stream.begun.value());
    nested.add_fixed64(kStreamMember, stream.member.value());
  }
  for (const SenderPosition& sender : record.state.senders) {
    protozero::pbf_writer nested(writer, kSender);
    nested.add_fixed64(kSenderMember, sender.member.value());
    nested.add_fixed64(kSenderEpoch, sender.epoch);
    nested.add_fixed64(kAnsweredBelow, sender.answered_below);
    nested.add_uint64(kSenderBegun, sender.begun.value());
  }
  if (const std::optional<IncomingFile>& incoming = record.state.incoming) {
    writer.add_fixed64(kIncomingFile, incoming->file);
    writer.add_uint64(kIncomingBytes, incoming->bytes);
    writer.add_uint64(kIncomingTerm, incoming->term.value());
  }
  if (const OutcomeJournal::Extent& journal = record.state.journal; journal.sequence != 0) {
    writer.add_uint64(kJournalSequence, journal.sequence);
    writer.add_uint64(kJournalBytes, journal.bytes);
    writer.add_fixed64(kJournalChecksum, journal.checksum);
  }
  return bytes;
}

std::optional<SnapshotRecord> decode_snapshot_record(BytesView bytes) {
  SnapshotRecord record;
  std::uint32_t version = 0;
  IncomingFile incoming;
  sqlite::ChangeCounters& counters = record.state.session.counters;
  try {
    protozero::pbf_reader reader(bytes.data(), bytes.size());
    while (reader.next()) {
      switch (reader.tag()) {
        case kVersionField:
          version = reader_of(reader, pbf_wire_type::varint).get_uint32();
          break;
        case kPhase:
          record.phase = phase_of(reader_of(reader, pbf_wire_type::varint).get_uint32());
          break;
        case kReplacement:
          record.replacement = reader_of(reader, pbf_wire_type::fixed64).get_fixed64();
          break;
        case kIndex:
          record.index = raft::Index(reader_of(reader, pbf_wire_type::varint).get_uint64());
          break;
        case kTerm:
          record.term = raft::Term(reader_of(reader, pbf_wire_type::varint).get_uint64());
          break;
        case kConfState:
          record.conf_state = reader_of(reader, pbf_wire_type::length_delimited).get_string();
          break;
        case kWalBytes:
          record.wal_bytes = reader_of(reader, pbf_wire_type::varint).get_uint64();
          break;
        case kWalHeader:
          record.wal_header = reader_of(reader, pbf_wire_type::length_delimited).get_string();
          break;
        case kClusterId:
          record.state.cluster_id = reader_of(reader, pbf_wire_type::length_delimited).get_string();
          break;
        case kMember:
          read_member(reader_of(reader, pbf_wire_type::length_delimited).get_message(),
                      record.state);
          break;
        case kLastInsertRowid:
          counters.last_insert_rowid = reader_of(reader, pbf_wire_type::varint).get_sint64();
          break;
        case kChanges:
          counters.changes = reader_of(reader, pbf_wire_type::varint).get_sint64();
          break;
        case kTotalChanges:
          counters.total_changes = reader_of(reader, pbf_wire_type::varint).get_sint64();
          break;
        case kForeignKeys:
          record.state.session.foreign_keys =
              reader_of(reader, pbf_wire_type::varint).get_uint64() != 0;
          break;
        case kStream:
          record.state.streams.push_back(
              read_stream(reader_of(reader, pbf_wire_type::length_delimited).get_message()));
          break;
        case kSender:
          record.state.senders.push_back(
              read_sender(reader_of(reader, pbf_wire_type::length_delimited).get_message()));
          break;
        case kJournalSequence:
          record.state.journal.sequence = reader_of(reader, pbf_wire_type::varint).get_uint64();
          break;
        case kJournalBytes:
          record.state.journal.bytes = reader_of(reader, pbf_wire_type::varint).get_uint64();
          break;
        case kJournalChecksum:
          record.state.journal.checksum = reader_of(reader, pbf_wire_type::fixed64).get_fixed64();
          break;
        case kIncomingFile:
          incoming.file = reader_of(reader, pbf_wire_type::fixed64).get_fixed64();
          record.state.incoming.emplace();
          break;
        case kIncomingBytes:
          incoming.bytes = reader_of(reader, pbf_wire_type::varint).get_uint64();
          break;
        case kIncomingTerm:
          incoming.term = raft::Term(reader_of(reader, pbf_wire_type::varint).get_uint64());
          break;
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::nullopt;
  }
  if (record.state.incoming) record.state.incoming = incoming;
  if (version != kVersion) return std::nullopt;
  return record;
}

}  // namespace rqlite::store
