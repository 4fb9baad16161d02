#pragma once

#include <optional>
#include <string>

#include "command/command.h"
#include "command/request.h"

namespace rqlite::command {

// Requests as text, for comparisons and for people.

inline std::string text_of(const sqlite::ValueView& value) {
  switch (value.type) {
    case sqlite::ValueType::kNull:
      return "NULL";
    case sqlite::ValueType::kInteger:
      return std::to_string(value.integer);
    case sqlite::ValueType::kReal:
      return "real " + std::to_string(value.real);
    case sqlite::ValueType::kText:
      return "'" + std::string(value.bytes) + "'";
    case sqlite::ValueType::kBlob:
      return "blob(" + std::string(value.bytes) + ")";
  }
  return "?";
}

// Its flags, then each statement in brackets.
inline std::string text_of_request(BytesView request) {
  RequestReader reader(request);
  std::string text;
  if (reader.flags().transaction) text += "transaction ";
  if (reader.flags().timings) text += "timings ";
  while (reader.next()) {
    text += "[" + std::string(reader.sql());
    for (const Parameter& each : reader.parameters()) {
      text += ", ";
      if (!each.name.empty()) text += std::string(each.name) + "=";
      text += text_of(each.value);
    }
    text += "]";
  }
  return reader.ok() ? text : "malformed";
}

// All requests of a batch, as they travel in a command.
inline std::string text_of_batch(const Bytes& batch) {
  const Bytes encoded = encode_command(batch, {});
  const std::optional<Command> command = decode_command(encoded);
  if (!command) return "malformed";
  std::string text;
  for (const BytesView request : command->requests) {
    text += (text.empty() ? "" : " ") + text_of_request(request);
  }
  return text;
}

}  // namespace rqlite::command
