#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "net/message.h"

namespace rqlite::net {

// What becomes of a response on the wire. All of it is appended.

// The status line, the `fixed_headers`, each with its line end, the response's own, and the date;
// not those that say how long the body is, nor the empty line.
void append_head(std::string& to, const Response& response, std::string_view fixed_headers);
// "Content-Length: 5" and a line end.
void append_content_length(std::string& to, std::size_t size);
// A piece of a body that comes in chunks. Nothing for an empty one, which would be the end.
void append_chunk(std::string& to, BytesView piece);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
// The whole answer to what is no request that could be routed, which ends the connection.
// `reason` is what comes behind the status.
void append_refusal(std::string& to, int status, std::string_view reason, std::string_view body);

}  // namespace rqlite::net
