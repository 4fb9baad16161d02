#include "net/socket.h"

#include <sys/socket.h>

#include <cerrno>

namespace rqlite::net {

namespace asio = boost::asio;

std::string Socket::client_address() const {
  Error error;
  const asio::ip::tcp::endpoint endpoint = tcp_.remote_endpoint(error);
  if (error) return "a client that is gone";
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" +
         std::to_string(endpoint.port());
}

void Socket::send_without_delay() {
  Error ignored;
  tcp_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

bool Socket::send_now(std::string_view bytes) {
  if (tls_) {
    const TlsSession::Step step = tls_->write(bytes);
    return step.outcome == TlsSession::Outcome::kDone && step.bytes == bytes.size();
  }
  const ssize_t sent =
      ::send(tcp_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent >= 0 && static_cast<std::size_t>(sent) == bytes.size();
}

bool Socket::client_is_gone() {
  if (tls_) return tls_->is_ended();
  char byte = 0;
  const Error error = peek(byte);
  return error && error != asio::error::would_block;
}

bool Socket::is_quiet() {
  if (tls_) return tls_->is_quiet();
  char byte = 0;
  return peek(byte) == asio::error::would_block;
}

void Socket::say_end_now() {
  if (tls_ && tcp_.is_open()) (void)tls_->say_end();
}

void Socket::close() {
  Error ignored;
  tcp_.close(ignored);
}

Socket::Error Socket::peek(char& byte) {
  ssize_t got = 0;
  do {
    got = ::recv(tcp_.native_handle(), &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got > 0) return {};
  if (got == 0) return asio::error::eof;
  return {errno, boost::system::system_category()};
}

Socket::Error Socket::error_of(const TlsSession::Step& step) {
  switch (step.outcome) {
    case TlsSession::Outcome::kDone:
      return {};
    case TlsSession::Outcome::kEnd:
      return asio::error::eof;
    case TlsSession::Outcome::kFailed:
    case TlsSession::Outcome::kWantsRead:
    case TlsSession::Outcome::kWantsWrite:
      return asio::error::connection_aborted;
  }
  return {};
}

}  // namespace rqlite::net
