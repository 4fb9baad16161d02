#include "net/request_reader.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace rqlite::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Field = beast::http::field;
using Error = beast::http::error;

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
// Of a body, which is passed on in pieces of this size.
constexpr std::size_t kReadBodyBytes = 256 * 1024;
// The line before a chunk, and the trailer behind the last one: as much as nobody needs.
constexpr std::size_t kChunkHeadBytesMax = 16 * 1024;
// What is less than this is not worth accounting for.
constexpr std::size_t kUnchargedBytes = 64 * 1024;
// A buffer larger than this is given back after the request that needed it.
constexpr std::size_t kKeptBufferBytes = 64 * 1024;

constexpr RequestReader::Refusal kHeadTooLarge{431, "Request Header Fields Too Large",
                                               "431 Request Header Fields Too Large"};

// Whether the request line that was received ends in a version of HTTP, if not in one of ours.
bool names_a_version(const beast::flat_buffer& received) {
  const asio::const_buffer bytes = received.data();
  const std::string_view text(static_cast<const char*>(bytes.data()), bytes.size());
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  const std::size_t start = line.rfind(" HTTP/");
  if (start == std::string_view::npos || line.size() != start + 9) return false;
  auto is_digit = [&](std::size_t at) { return line[at] >= '0' && line[at] <= '9'; };
  return is_digit(start + 6) && line[start + 7] == '.' && is_digit(start + 8);
}

}  // namespace

void RequestReader::begin() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes_max));
  parser_->body_limit(boost::none);  // which limit it is, the head of the request tells
  head_lines_ = {};
  head_before_trailer_.reset();
  has_head_ = false;
  passes_on_ = false;
  passed_all_ = false;
  refused_ = false;
  if (has_more()) look_at_head(0);
}

asio::mutable_buffer RequestReader::room() {
  return buffer_.prepare(has_head_ ? kReadBodyBytes : kReadBytes);
}

void RequestReader::received(std::size_t bytes) {
  const std::size_t before = buffer_.size();
  buffer_.commit(bytes);
  if (!has_head_) look_at_head(before);
}

void RequestReader::look_at_head(std::size_t seen) {
  const asio::mutable_buffer received = buffer_.data();
  const std::optional<std::string> fixed =
      head_lines_.check(static_cast<char*>(received.data()), received.size(), seen);
  if (head_lines_.is_folded()) {
    refuse(kBadRequest);
    return;
  }
  // The parser has bounds of its own, but not for all of it together.
  if (head_lines_.bytes() > limits_.header_bytes_max ||
      head_lines_.lines() > limits_.header_lines_max) {
    refuse(kHeadTooLarge);
    return;
  }
  if (!fixed) return;
  buffer_.clear();
  buffer_.commit(asio::buffer_copy(buffer_.prepare(fixed->size()), asio::buffer(*fixed)));
}

boost::system::error_code RequestReader::feed() {
  boost::system::error_code error;
  try {
    buffer_.consume(parser_->put(buffer_.data(), error));
  } catch (const std::length_error&) {
    // Beast has no other word for a header of more than 64 KiB.
    error = Error::header_limit;
  }
  return error;
}

RequestReader::Event RequestReader::next() {
  while (!refused_) {
    boost::system::error_code error;
    if (!parser_->is_done()) error = has_more() ? feed() : Error::need_more;
    if (!has_head_ && !error && parser_->is_header_done()) {
      has_head_ = true;
      // It stopped there, and adds a trailer's fields to the others if it sees one.
      if (parser_->chunked()) head_before_trailer_ = parser_->get().base();
      parser_->eager(true);
      if (!parser_->is_done() && has_more()) error = feed();
      if (error && error != Error::need_more) return refuse_for(error);
      check_head();
      if (refused_) break;
      if (!parser_->is_done()) return Event::kHead;
    }
    if (error && error != Error::need_more) return refuse_for(error);
    const Bytes& body = parser_->get().body();
    if (passes_on_) {
      if (parser_->is_done() && passed_all_) return end_whole();
      if (parser_->is_done() || body.size() >= kReadBodyBytes) return Event::kPiece;
    } else {
      if (parser_->is_done()) return end_whole();
      if (body.size() > limits_.body_bytes_max) return refuse(kTooLarge);
      if (!charge()) {
        return refuse({503, "Service Unavailable", "too many bytes are being received\n"});
      }
    }
    // What the parser leaves of a body is a chunk's head that goes on and on, for which it has no
    // bound.
    if (has_head_ && error && buffer_.size() > kChunkHeadBytesMax) return refuse(kBadRequest);
    if (error || !has_more()) return Event::kNeedsMore;
  }
  return Event::kRefused;
}

void RequestReader::check_head() {
  const Parser::value_type& message = parser_->get();
  if (message.version() == 11 && message.count(Field::host) != 1) {
    refuse({400, "Bad Request: missing required Host header",
            "400 Bad Request: missing required Host header"});
    return;
  }
  // Beast takes any list that ends in "chunked", and for none any other.
  const auto encoding = message.find(Field::transfer_encoding);
  if (encoding != message.end() && !beast::iequals(encoding->value(), "chunked")) {
    refuse({501, "Not Implemented", "Unsupported transfer encoding"});
    return;
  }
  // To HTTP/1.0 this is no header, so whoever is on the way saw another end of the request.
  if (encoding != message.end() && message.version() == 10) {
    refuse(kBadRequest);
    return;
  }
  const auto expect = message.find(Field::expect);
  if (expect != message.end() && !beast::iequals(expect->value(), "100-continue")) {
    refuse({417, "Expectation Failed", ""});
  }
}

RequestReader::Event RequestReader::refuse(const Refusal& refusal) {
  refused_ = true;
  refusal_ = refusal;
  return Event::kRefused;
}

RequestReader::Event RequestReader::refuse_for(const boost::system::error_code& error) {
  if (error == Error::header_limit) return refuse(kHeadTooLarge);
  if (error == Error::bad_version && names_a_version(buffer_)) {
    return refuse({505, "HTTP Version Not Supported: unsupported protocol version",
                   "505 HTTP Version Not Supported: unsupported protocol version"});
  }
  return refuse(kBadRequest);
}

std::optional<Request> RequestReader::head() const {
  const Parser::value_type& message = parser_->get();
  std::string_view target(message.target());
  // An absolute target names this server; a proxy may send one.
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const std::size_t end = std::min(target.find_first_of("/?", scheme.size()), target.size());
    target.remove_prefix(end);
  }
  Request request;
  request.method = std::string_view(message.method_string());
  const std::size_t question = target.find('?');
  if (question != std::string_view::npos) request.raw_query = target.substr(question + 1);
  Result<std::string> path = percent_decode(target.substr(0, question), false);
  if (!path.ok()) return std::nullopt;
  request.path = std::move(*path);
  request.content_type = std::string_view(message[Field::content_type]);
  // One that ends the connection behind this request asks for the impossible, and HTTP/1.0 knows no
  // such thing.
  if (parser_->upgrade() && message.version() == 11 && message.keep_alive()) {
    request.upgrade = std::string_view(message[Field::upgrade]);
  }
  return request;
}

bool RequestReader::expects_continue() const { return fields().count(Field::expect) > 0; }

bool RequestReader::keep_body() {
  if (parser_->content_length().value_or(0) <= limits_.body_bytes_max) return true;
  refuse(kTooLarge);
  return false;
}

Bytes RequestReader::take_piece() {
  passed_all_ = parser_->is_done();
  return std::exchange(parser_->get().body(), {});
}

RequestReader::Event RequestReader::end_whole() {
  // Nobody has looked at what a trailer adds: not who admitted the request, and no proxy before us.
  if (head_before_trailer_) parser_->get().base() = *std::move(head_before_trailer_);
  head_before_trailer_.reset();
  return Event::kWhole;
}

RequestReader::Message RequestReader::take() {
  if (buffer_.capacity() > kKeptBufferBytes && !has_more()) buffer_ = {};
  return parser_->release();
}

Bytes RequestReader::take_rest() {
  const asio::const_buffer rest = buffer_.data();
  Bytes bytes(static_cast<const char*>(rest.data()), rest.size());
  buffer_ = {};
  return bytes;
}

void RequestReader::drop() {
  parser_.reset();
  buffer_.clear();
  has_head_ = false;
  give_back();
}

bool RequestReader::charge() {
  const std::size_t size = parser_->get().body().size() + buffer_.size();
  if (size < kUnchargedBytes || size <= charged_) return true;
  const std::size_t more = size - charged_;
  if (received_bytes_.fetch_add(more) + more > limits_.all_bytes_max) {
    received_bytes_ -= more;
    return false;
  }
  charged_ = size;
  return true;
}

void RequestReader::give_back() { received_bytes_ -= std::exchange(charged_, 0); }

}  // namespace rqlite::net
