#include "command/command.h"

#include <array>
#include <utility>

namespace rqlite::command {
namespace {

enum CommandField : protozero::pbf_tag_type {
  kTime = 1,
  kSeed = 2,
  kNodeId = 3,
  kEpoch = 4,
  kFirst = 5,
  kFile = 6,
  kFileBytes = 7,
  kOrigin = 8,
  kOffset = 9,
  kPiece = 11,
  kMember = 12,
};

// Throws if it is not an origin.
Origin read_origin(protozero::pbf_reader& reader) {
  const auto numbers = reader.get_packed_fixed64();
  if (numbers.size() != 4) throw protozero::exception();
  auto next = numbers.begin();
  Origin origin;
  for (std::uint64_t* each :
       {&origin.member, &origin.epoch, &origin.number, &origin.answered_below}) {
    *each = *next++;
  }
  return origin;
}

}  // namespace

Bytes encode_command(Bytes batch, const Header& header, const std::optional<StreamPlace>& place) {
  // Behind the requests rather than in front: then they need not be moved.
  protozero::pbf_writer writer(batch);
  writer.add_sint64(kTime, header.unix_milliseconds);
  writer.add_fixed64(kSeed, header.seed);
  if (place) {
    writer.add_bytes(kNodeId, place->node_id.data(), place->node_id.size());
    writer.add_fixed64(kEpoch, place->epoch);
    writer.add_fixed64(kFirst, place->first);
    writer.add_fixed64(kMember, place->member);
  }
  return batch;
}

Bytes encode_command(Bytes batch, const Header& header, const Origin& origin) {
  Bytes bytes = encode_command(std::move(batch), header);
  protozero::pbf_writer writer(bytes);
  const std::array numbers = {origin.member, origin.epoch, origin.number, origin.answered_below};
  writer.add_packed_fixed64(kOrigin, numbers.begin(), numbers.end());
  return bytes;
}

Bytes encode_command(const Replacement& replacement, const Header& header) {
  Bytes bytes = encode_command(Bytes(), header);
  protozero::pbf_writer writer(bytes);
  writer.add_fixed64(kFile, replacement.file);
  writer.add_uint64(kFileBytes, replacement.bytes);
  return bytes;
}

Bytes encode_command(const Piece& piece, const Header& header) {
  Bytes bytes = encode_command(Bytes(), header);
  bytes.reserve(bytes.size() + piece.bytes.size() + 64);
  protozero::pbf_writer writer(bytes);
  writer.add_fixed64(kFile, piece.file);
  writer.add_uint64(kOffset, piece.offset);
  writer.add_bytes(kPiece, piece.bytes.data(), piece.bytes.size());
  return bytes;
}

std::optional<Command> decode_command(BytesView bytes) {
  Command command;
  StreamPlace place;
  std::uint64_t file = 0;
  Piece piece;
  try {
    protozero::pbf_reader reader(bytes.data(), bytes.size());
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case protozero::tag_and_type(kTime, protozero::pbf_wire_type::varint):
          command.header.unix_milliseconds = reader.get_sint64();
          break;
        case protozero::tag_and_type(kSeed, protozero::pbf_wire_type::fixed64):
          command.header.seed = reader.get_fixed64();
          break;
        case protozero::tag_and_type(kNodeId, protozero::pbf_wire_type::length_delimited): {
          const protozero::data_view view = reader.get_view();
          place.node_id = {view.data(), view.size()};
          command.place.emplace();
          break;
        }
        case protozero::tag_and_type(kEpoch, protozero::pbf_wire_type::fixed64):
          place.epoch = reader.get_fixed64();
          break;
        case protozero::tag_and_type(kFirst, protozero::pbf_wire_type::fixed64):
          place.first = reader.get_fixed64();
          break;
        case protozero::tag_and_type(kMember, protozero::pbf_wire_type::fixed64):
          place.member = reader.get_fixed64();
          break;
        case protozero::tag_and_type(kFile, protozero::pbf_wire_type::fixed64):
          file = reader.get_fixed64();
          break;
        case protozero::tag_and_type(kFileBytes, protozero::pbf_wire_type::varint):
          command.replacement.emplace().bytes = reader.get_uint64();
          break;
        case protozero::tag_and_type(kOffset, protozero::pbf_wire_type::varint):
          piece.offset = reader.get_uint64();
          break;
        case protozero::tag_and_type(kPiece, protozero::pbf_wire_type::length_delimited): {
          const protozero::data_view view = reader.get_view();
          piece.bytes = {view.data(), view.size()};
          command.piece.emplace();
          break;
        }
        case protozero::tag_and_type(kOrigin, protozero::pbf_wire_type::length_delimited):
          if (command.origin) return std::nullopt;
          command.origin = read_origin(reader);
          break;
        case protozero::tag_and_type(kRequestField, protozero::pbf_wire_type::length_delimited): {
          const protozero::data_view view = reader.get_view();
          command.requests.emplace_back(view.data(), view.size());
          break;
        }
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception&) {
    return std::nullopt;
  }
  const bool is_of_file = command.replacement || command.piece;
  if (command.origin && (command.place || is_of_file || command.requests.size() != 1)) {
    return std::nullopt;
  }
  if (command.replacement && command.piece) return std::nullopt;
  if (command.place) command.place = place;
  if (command.replacement) command.replacement->file = file;
  if (command.piece) command.piece = Piece{file, piece.offset, piece.bytes};
  return command;
}

}  // namespace rqlite::command
