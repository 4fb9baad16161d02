#include "net/error_text.h"

#include <netdb.h>

#include <boost/asio/error.hpp>

namespace rqlite::net {

std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" +
         std::to_string(endpoint.port());
}

std::string text_of(const boost::system::error_code& error) {
  if (error == boost::asio::error::eof) return "EOF";
  std::string text = error.message();
  // The system begins its texts with a capital letter.
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] += 'a' - 'A';
  return text;
}

std::string lookup_error_text(int error) {
  if (error == EAI_NONAME || error == EAI_NODATA) return "no such host";
  return gai_strerror(error);
}

}  // namespace rqlite::net
