#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <string>
#include <string_view>

namespace rqlite::net {

// What went wrong with a connection, in the words that users of rqlite know.

inline constexpr std::string_view kTimeoutText = "i/o timeout";

// "127.0.0.1:4002", "[::1]:4002".
std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint);

// "connection refused".
std::string text_of(const boost::system::error_code& error);

// What getaddrinfo() returned, if it is not 0: "no such host".
std::string lookup_error_text(int error);

}  // namespace rqlite::net
