#include "store/outcome.h"

#include <xxhash.h>

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace rqlite::store {
namespace {

// Field numbers are never used again for something else: journals hold them.
enum Field : protozero::pbf_tag_type {
  kNodeId = 1,
  kEpoch = 2,
  kNumber = 3,
  kKey = 4,
  kFingerprintLow = 5,
  kFingerprintHigh = 6,
  kResult = 7,
  kIndex = 8,
  kMember = 9,
  kKeyUse = 10,  // absent: kFirst
};

using KeyUse = command::RequestResult::Key;

BytesView view_of(protozero::data_view view) { return {view.data(), view.size()}; }

}  // namespace

Fingerprint fingerprint_of(BytesView statements, command::RequestFlags flags) {
  // What the request does and answers, but for how long it took.
  const XXH64_hash_t seed =
      (flags.transaction ? 1u : 0u) | (flags.unified ? 2u : 0u) | (flags.qualify_columns ? 4u : 0u);
  const XXH128_hash_t hash = XXH3_128bits_withSeed(statements.data(), statements.size(), seed);
  return {hash.low64, hash.high64};
}

OutcomeRecord make_record(const Outcome& outcome) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  if (outcome.key.empty()) {
    if (outcome.member == raft::RaftId()) {
      writer.add_bytes(kNodeId, outcome.node_id.data(), outcome.node_id.size());
    } else {
      writer.add_fixed64(kMember, outcome.member.value());
    }
    writer.add_fixed64(kEpoch, outcome.epoch);
    writer.add_fixed64(kNumber, outcome.number);
    writer.add_uint64(kIndex, outcome.index.value());
    if (outcome.key_use != KeyUse::kFirst) {
      writer.add_uint32(kKeyUse, static_cast<std::uint32_t>(outcome.key_use));
    }
  } else {
    writer.add_bytes(kKey, outcome.key.data(), outcome.key.size());
    writer.add_fixed64(kFingerprintLow, outcome.fingerprint.low);
    writer.add_fixed64(kFingerprintHigh, outcome.fingerprint.high);
  }
  writer.add_bytes(kResult, outcome.result.data(), outcome.result.size());
  bytes.shrink_to_fit();
  return std::make_shared<const Bytes>(std::move(bytes));
}

std::optional<Outcome> read_record(BytesView bytes) {
  using protozero::pbf_wire_type;
  using protozero::tag_and_type;
  Outcome outcome;
  try {
    protozero::pbf_reader reader(bytes.data(), bytes.size());
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case tag_and_type(kNodeId, pbf_wire_type::length_delimited):
          outcome.node_id = view_of(reader.get_view());
          break;
        case tag_and_type(kEpoch, pbf_wire_type::fixed64):
          outcome.epoch = reader.get_fixed64();
          break;
        case tag_and_type(kNumber, pbf_wire_type::fixed64):
          outcome.number = reader.get_fixed64();
          break;
        case tag_and_type(kIndex, pbf_wire_type::varint):
          outcome.index = raft::Index(reader.get_uint64());
          break;
        case tag_and_type(kMember, pbf_wire_type::fixed64):
          outcome.member = raft::RaftId(reader.get_fixed64());
          break;
        case tag_and_type(kKeyUse, pbf_wire_type::varint): {
          const std::uint32_t use = reader.get_uint32();
          if (use > static_cast<std::uint32_t>(KeyUse::kReused)) return std::nullopt;
          outcome.key_use = static_cast<KeyUse>(use);
          break;
        }
        case tag_and_type(kKey, pbf_wire_type::length_delimited):
          outcome.key = view_of(reader.get_view());
          break;
        case tag_and_type(kFingerprintLow, pbf_wire_type::fixed64):
          outcome.fingerprint.low = reader.get_fixed64();
          break;
        case tag_and_type(kFingerprintHigh, pbf_wire_type::fixed64):
          outcome.fingerprint.high = reader.get_fixed64();
          break;
        case tag_and_type(kResult, pbf_wire_type::length_delimited):
          outcome.result = view_of(reader.get_view());
          break;
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::nullopt;
  }
  // Of one of the three.
  if ((outcome.member != raft::RaftId()) + !outcome.node_id.empty() + !outcome.key.empty() != 1) {
    return std::nullopt;
  }
  return outcome;
}

Bytes kept_result(const command::RequestResult& result, std::size_t bytes_max) {
  Bytes encoded = command::encode_result(result);
  if (encoded.size() <= bytes_max) return encoded;
  command::RequestResult reason;
  reason.error = result.error;
  for (const command::StatementResult& each : result.statements) {
    if (reason.error.empty()) reason.error = each.error;
  }
  if (reason.error.empty()) reason.error = "executed before; its results were too large to keep";
  reason.error.resize(std::min(reason.error.size(), bytes_max / 2));
  return command::encode_result(reason);
}

}  // namespace rqlite::store
