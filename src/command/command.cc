#include "command/command.h"

#include <utility>

namespace rqlite::command {
namespace {

enum CommandField : protozero::pbf_tag_type { kTime = 1, kSeed = 2 };

}  // namespace

Bytes encode_command(Bytes batch, const Header& header) {
  // Behind the requests rather than in front: then they need not be moved.
  protozero::pbf_writer writer(batch);
  writer.add_sint64(kTime, header.unix_milliseconds);
  writer.add_fixed64(kSeed, header.seed);
  return batch;
}

std::optional<Command> decode_command(BytesView bytes) {
  Command command;
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
  return command;
}

}  // namespace rqlite::command
