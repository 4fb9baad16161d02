#include "net/response_text.h"

#include <boost/beast/http/status.hpp>
#include <charconv>
#include <ctime>

namespace rqlite::net {
namespace {

std::string_view reason_of(int status) {
  namespace http = boost::beast::http;
  return std::string_view(http::obsolete_reason(static_cast<http::status>(status)));
}

// "Sun, 22 Nov 2026 10:00:00 GMT", made once a second.
const std::string& http_date() {
  thread_local std::time_t made_at = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    char buffer[64];
    const std::size_t size =
        std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    text.assign(buffer, size);
    made_at = now;
  }
  return text;
}

void append_number_text(std::string& to, std::size_t number, int base = 10) {
  char buffer[24];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number, base);
  to.append(buffer, end);
}

void append_status(std::string& to, int status, std::string_view reason) {
  to += "HTTP/1.1 ";
  append_number_text(to, static_cast<std::size_t>(status));
  to.append(" ").append(reason).append("\r\n");
}

}  // namespace

void append_head(std::string& to, const Response& response, std::string_view fixed_headers) {
  append_status(to, response.status, reason_of(response.status));
  to += fixed_headers;
  for (const auto& [name, value] : response.headers) {
    to.append(name).append(": ").append(value).append("\r\n");
  }
  if (!response.content_type.empty()) {
    to.append("Content-Type: ").append(response.content_type).append("\r\n");
  }
  to.append("Date: ").append(http_date()).append("\r\n");
}

void append_content_length(std::string& to, std::size_t size) {
  to += "Content-Length: ";
  append_number_text(to, size);
  to += "\r\n";
}

void append_chunk(std::string& to, BytesView piece) {
  if (piece.empty()) return;
  append_number_text(to, piece.size(), 16);
  to.append("\r\n").append(piece).append("\r\n");
}

void append_refusal(std::string& to, int status, std::string_view reason, std::string_view body) {
  append_status(to, status, reason);
  if (!body.empty()) to.append("Content-Type: ").append(kTextType).append("\r\n");
  to += "Connection: close\r\n";
  append_content_length(to, body.size());
  to.append("\r\n").append(body);
}

}  // namespace rqlite::net
