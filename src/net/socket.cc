#include "net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace rqlite::net {

namespace asio = boost::asio;

namespace {

// Of a record of TLS, at most.
constexpr std::size_t kRecordBytes = 16 * 1024;
// That are written in one go. Of more the first ones are.
constexpr std::size_t kPiecesMax = 8;

}  // namespace

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

void Socket::notice_silence(std::chrono::seconds longest) {
  const auto set = [&](int level, int option, int value) {
    // Where the system refuses, the one who reads has heartbeats of its own.
    (void)::setsockopt(tcp_.native_handle(), level, option, &value, sizeof value);
  };
  const auto seconds = static_cast<int>(longest.count());
  // For what was sent, and for what was not: then the system asks from time to time.
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, seconds * 1000);
  set(IPPROTO_TCP, TCP_KEEPIDLE, std::max(1, seconds / 2));
  set(IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / 4));
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

std::optional<std::chrono::microseconds> Socket::round_trip() {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(tcp_.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  if (info.tcpi_rtt == 0) return {};
  return std::chrono::microseconds(info.tcpi_rtt);
}

Socket::Attempt Socket::try_read(char* to, std::size_t size) {
  if (tls_) return attempt_of(tls_->read(to, size));
  ssize_t got = 0;
  do {
    got = ::recv(tcp_.native_handle(), to, size, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got > 0) return {TlsSession::Outcome::kDone, static_cast<std::size_t>(got)};
  if (got == 0) return {TlsSession::Outcome::kEnd, 0, asio::error::eof};
  return attempt_failed(TlsSession::Outcome::kWantsRead);
}

Socket::Attempt Socket::try_write(std::span<const std::string_view> pieces) {
  if (tls_) return try_write_tls(pieces);
  std::array<iovec, kPiecesMax> parts;
  const std::size_t count = std::min(pieces.size(), parts.size());
  for (std::size_t i = 0; i < count; i++) {
    parts[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(tcp_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {TlsSession::Outcome::kDone, static_cast<std::size_t>(sent)};
  return attempt_failed(TlsSession::Outcome::kWantsWrite);
}

// Each call to OpenSSL makes a record of its own, which costs more than it does to copy small
// pieces together.
Socket::Attempt Socket::try_write_tls(std::span<const std::string_view> pieces) {
  if (pieces.size() == 1) return attempt_of(tls_->write(pieces.front()));
  std::array<char, kRecordBytes> record;
  std::size_t size = 0;
  for (const std::string_view piece : pieces) {
    size += piece.copy(record.data() + size, record.size() - size);
  }
  return attempt_of(tls_->write({record.data(), size}));
}

Socket::Attempt Socket::attempt_of(const TlsSession::Step& step) {
  switch (step.outcome) {
    case TlsSession::Outcome::kDone:
    case TlsSession::Outcome::kWantsRead:
    case TlsSession::Outcome::kWantsWrite:
      return {step.outcome, step.bytes};
    case TlsSession::Outcome::kEnd:
    case TlsSession::Outcome::kFailed:
      return {step.outcome, 0, error_of(step)};
  }
  return {TlsSession::Outcome::kFailed, 0, error_of(step)};
}

Socket::Attempt Socket::attempt_failed(TlsSession::Outcome if_it_would_block) {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {if_it_would_block};
  return {TlsSession::Outcome::kFailed, 0, {errno, boost::system::system_category()}};
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
