#pragma once

#include <protozero/pbf_reader.hpp>

#include "base/bytes.h"

namespace rqlite::cluster {

// How fields of protobuf's encoding are told apart, by number and wire type, in a switch over
// pbf_reader::tag_and_type().
constexpr auto fixed64(protozero::pbf_tag_type tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::fixed64);
}
// Of booleans, too: pbf_reader::get_bool() looks at a byte that may be behind the end.
constexpr auto varint(protozero::pbf_tag_type tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::varint);
}
// Text, bytes, and messages in a message.
constexpr auto text(protozero::pbf_tag_type tag) {
  return protozero::tag_and_type(tag, protozero::pbf_wire_type::length_delimited);
}

// Reads the fields of a message in a message with `field`, which says whether it knows one. Throws
// what protozero does.
template <typename Field>
void read_fields(protozero::pbf_reader reader, Field field) {
  while (reader.next()) {
    if (!field(reader)) reader.skip();
  }
}

// The same for a whole message. False if it, or one in it, is not in protobuf's encoding.
template <typename Field>
bool read_fields(BytesView bytes, Field field) {
  try {
    read_fields(protozero::pbf_reader(bytes.data(), bytes.size()), field);
  } catch (const protozero::exception&) {
    return false;
  }
  return true;
}

}  // namespace rqlite::cluster
