#include "cluster/peer_protocol.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <protozero/pbf_writer.hpp>
#include <utility>
#include <vector>

#include "base/line_end.h"
#include "cluster/fields.h"
#include "raft/members.h"

namespace rqlite::cluster {
namespace {

using Key = command::RequestResult::Key;

constexpr std::size_t kChecksumBytes = 8;
constexpr int kRefused = 403;

// Of its statements; empty if nobody asked for them.
std::vector<double> times_of(const command::RequestResult& result) {
  std::vector<double> times;
  for (const command::StatementResult& each : result.statements) times.push_back(each.seconds);
  if (std::all_of(times.begin(), times.end(), [](double time) { return time == 0; })) return {};
  return times;
}

// False if they are not as many as its statements.
template <typename Times>
bool set_times(command::RequestResult& result, const Times& times) {
  if (times.size() != result.statements.size()) return false;
  auto each = result.statements.begin();
  for (const double time : times) (each++)->seconds = time;
  return true;
}

bool read_identity(protozero::pbf_reader& reader, NodeIdentity& identity) {
  switch (reader.tag_and_type()) {
    case fixed64(1):
      identity.raft_id = raft::RaftId(reader.get_fixed64());
      return true;
    case text(2):
      identity.node_id = reader.get_string();
      return true;
    case fixed64(7):
      identity.process = reader.get_fixed64();
      return true;
    default:
      return false;
  }
}

void write_identity(protozero::pbf_writer& writer, const NodeIdentity& identity) {
  writer.add_fixed64(1, identity.raft_id.value());
  writer.add_string(2, identity.node_id);
  if (identity.process != 0) writer.add_fixed64(7, identity.process);
}

}  // namespace

Bytes encode(const NodeIdentity& identity) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  write_identity(writer, identity);
  return bytes;
}

std::optional<NodeIdentity> decode_node_identity(BytesView bytes) {
  NodeIdentity identity;
  const bool ok = read_fields(
      bytes, [&](protozero::pbf_reader& reader) { return read_identity(reader, identity); });
  if (!ok || identity.raft_id == raft::RaftId()) return std::nullopt;
  return identity;
}

Bytes encode(const JoinRequest& request) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  write_identity(writer, request.identity);
  writer.add_string(3, request.raft_address);
  writer.add_bool(4, request.wants_vote);
  writer.add_string(5, request.cluster_id);
  if (request.asks_again) writer.add_bool(6, true);
  return bytes;
}

std::optional<JoinRequest> decode_join_request(BytesView bytes) {
  JoinRequest request;
  request.wants_vote = false;
  const bool ok = read_fields(bytes, [&](protozero::pbf_reader& reader) {
    switch (reader.tag_and_type()) {
      case text(3):
        request.raft_address = reader.get_string();
        return true;
      case varint(4):
        request.wants_vote = reader.get_uint64() != 0;
        return true;
      case text(5):
        request.cluster_id = reader.get_string();
        return true;
      case varint(6):
        request.asks_again = reader.get_uint64() != 0;
        return true;
      default:
        return read_identity(reader, request.identity);
    }
  });
  if (!ok || request.identity.raft_id == raft::RaftId() || request.identity.node_id.empty() ||
      request.raft_address.empty()) {
    return std::nullopt;
  }
  return request;
}

Bytes encode(const NodeMeta& meta) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_string(1, meta.api_url);
  writer.add_string(2, meta.version);
  writer.add_uint64(3, meta.commit.value());
  return bytes;
}

std::optional<NodeMeta> decode_node_meta(BytesView bytes) {
  NodeMeta meta;
  const bool ok = read_fields(bytes, [&](protozero::pbf_reader& reader) {
    switch (reader.tag_and_type()) {
      case text(1):
        meta.api_url = reader.get_string();
        return true;
      case text(2):
        meta.version = reader.get_string();
        return true;
      case varint(3):
        meta.commit = raft::Index(reader.get_uint64());
        return true;
      default:
        return false;
    }
  });
  if (!ok) return std::nullopt;
  return meta;
}

Bytes encode(const SnapshotOffer& offer) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_fixed64(1, offer.id);
  writer.add_bytes(2, store::encode_snapshot_record(offer.record));
  writer.add_uint64(3, offer.main_bytes);
  if (offer.wants_packing) writer.add_uint64(4, 1);
  return bytes;
}

std::optional<SnapshotOffer> decode_snapshot_offer(BytesView bytes) {
  SnapshotOffer offer;
  std::optional<store::SnapshotRecord> record;
  const bool ok = read_fields(bytes, [&](protozero::pbf_reader& reader) {
    switch (reader.tag_and_type()) {
      case fixed64(1):
        offer.id = reader.get_fixed64();
        return true;
      case text(2): {
        const auto view = reader.get_view();
        record = store::decode_snapshot_record({view.data(), view.size()});
        return true;
      }
      case varint(3):
        offer.main_bytes = reader.get_uint64();
        return true;
      case varint(4):
        offer.wants_packing = reader.get_uint64() != 0;
        return true;
      default:
        return false;
    }
  });
  if (!ok || !record || record->phase != store::SnapshotRecord::Phase::kComplete ||
      !raft::read_members(record->conf_state)) {
    return std::nullopt;
  }
  offer.record = std::move(*record);
  return offer;
}

Bytes encode_part(Bytes content) {
  append_number(content, static_cast<std::uint64_t>(XXH3_64bits(content.data(), content.size())));
  return content;
}

std::optional<Bytes> decode_part(Bytes part) {
  if (part.size() < kChecksumBytes) return std::nullopt;
  const std::size_t size = part.size() - kChecksumBytes;
  if (load_number<std::uint64_t>(part.data() + size) != XXH3_64bits(part.data(), size)) {
    return std::nullopt;
  }
  part.resize(size);
  return part;
}

Bytes encode(const BatchResults& results) {
  Bytes bytes;
  protozero::pbf_writer writer(bytes);
  writer.add_uint64(1, results.index.value());
  for (const command::RequestResult& each : results.results) {
    writer.add_bytes(2, command::encode_result(each));
    if (each.key != Key::kFirst) writer.add_uint64(3, static_cast<std::uint64_t>(each.key));
    if (const std::vector<double> times = times_of(each); !times.empty()) {
      writer.add_packed_double(4, times.begin(), times.end());
    }
  }
  return bytes;
}

std::optional<BatchResults> decode_batch_results(BytesView bytes) {
  BatchResults results;
  bool whole = true;
  const bool ok = read_fields(bytes, [&](protozero::pbf_reader& reader) {
    switch (reader.tag_and_type()) {
      case varint(1):
        results.index = raft::Index(reader.get_uint64());
        return true;
      case text(2): {
        const auto view = reader.get_view();
        auto result = command::decode_result({view.data(), view.size()});
        whole = whole && result.has_value();
        if (result) results.results.push_back(std::move(*result));
        return true;
      }
      case varint(3): {
        const std::uint64_t key = reader.get_uint64();
        whole =
            whole && !results.results.empty() && key <= static_cast<std::uint64_t>(Key::kReused);
        if (whole) results.results.back().key = static_cast<Key>(key);
        return true;
      }
      case text(4): {
        const auto times = reader.get_packed_double();
        whole = whole && !results.results.empty() && set_times(results.results.back(), times);
        return true;
      }
      default:
        return false;
    }
  });
  if (!ok || !whole) return std::nullopt;
  return results;
}

net::Response failure(const Status& why) {
  // What is wrong with a request stays so; all else may be otherwise soon.
  const int status = why.code() == Code::kInvalid ? kRefused : 503;
  net::Response response{status, net::kTextType, {}, why.text()};
  response.headers.emplace_back(kCodeHeader, std::to_string(static_cast<int>(why.code())));
  return response;
}

namespace {

std::optional<Code> code_in(const net::HeaderFields& headers) {
  const std::optional<std::string_view> field = net::find_field(headers, kCodeHeader);
  unsigned code = 0;
  const bool known =
      field &&
      std::from_chars(field->data(), field->data() + field->size(), code).ec == std::errc();
  if (!known || code == 0 || code > static_cast<unsigned>(Code::kFailed)) return std::nullopt;
  return static_cast<Code>(code);
}

Status unexpected(Code code, int status, BytesView body) {
  return {code, fmt::format("unexpected answer {} of another node: {}", status, message_in(body))};
}

}  // namespace

Status failure_of(int status, const net::HeaderFields& headers, BytesView body) {
  const std::optional<Code> code = code_in(headers);
  return code ? Status(*code, std::string(body)) : unexpected(Code::kUnavailable, status, body);
}

Status failure_of_leader(int status, const net::HeaderFields& headers, BytesView body) {
  if (status == kRefused) {
    return Status(Code::kUnavailable, failure_of(status, headers, body).text())
        .with_context("another node answers at the leader's address");
  }
  if (!code_in(headers)) return unexpected(Code::kUnknown, status, body);
  return failure_of(status, headers, body);
}

std::string message_in(BytesView body) {
  std::string text = without_line_end(std::string(body));
  // Whoever answers may be no node of ours.
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

std::string to_text(const command::Origin& origin) {
  return fmt::format("{:x}-{:x}-{:x}-{:x}", origin.member, origin.epoch, origin.number,
                     origin.answered_below);
}

std::optional<command::Origin> origin_of(const net::Request& request) {
  const std::optional<std::string_view> field = header_of(request, kOriginHeader);
  if (!field) return std::nullopt;
  command::Origin origin;
  const char* at = field->data();
  const char* const end = at + field->size();
  for (std::uint64_t* each :
       {&origin.member, &origin.epoch, &origin.number, &origin.answered_below}) {
    if (each != &origin.member && (at == end || *at++ != '-')) return std::nullopt;
    const auto [stop, error] = std::from_chars(at, end, *each, 16);
    if (error != std::errc()) return std::nullopt;
    at = stop;
  }
  if (at != end) return std::nullopt;
  return origin;
}

std::string to_text(raft::RaftId id) { return fmt::format("{:016x}", id.value()); }

std::optional<raft::RaftId> raft_id_of(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc() || stop != end || value == 0) return std::nullopt;
  return raft::RaftId(value);
}

std::optional<std::string_view> header_of(const net::Request& request, std::string_view name) {
  const std::vector<std::string_view> values = request.headers->values(name);
  if (values.size() != 1) return std::nullopt;
  return values.front();
}

}  // namespace rqlite::cluster
