#include "net/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>

#include "base/check.h"

namespace rqlite::net {
namespace {

// Several records for one turn of the thread, which others wait for meanwhile.
constexpr std::size_t kWriteBytes = 64 * 1024;

// OpenSSL's own BIO for sockets raises SIGPIPE and needs the socket in non-blocking mode.

int socket_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool is_temporary(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int bio_read(BIO* bio, char* to, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(socket_of(bio), to, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (got < 0 && is_temporary(errno)) BIO_set_retry_read(bio);
  return static_cast<int>(got);
}

int bio_write(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent =
      ::send(socket_of(bio), from, static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && is_temporary(errno)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "socket");
    CHECK(made != nullptr);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

int bounded(std::size_t size) {
  return static_cast<int>(std::min(size, static_cast<std::size_t>(INT_MAX)));
}

}  // namespace

void TlsSession::Free::operator()(SSL* session) const noexcept { SSL_free(session); }

TlsSession::TlsSession(SSL_CTX& context, int socket) : session_(SSL_new(&context)) {
  BIO* bio = BIO_new(bio_method());
  CHECK(session_ != nullptr && bio != nullptr);  // out of memory
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  SSL_set_bio(session_.get(), bio, bio);
}

TlsSession::~TlsSession() = default;

std::unique_ptr<TlsSession> TlsSession::of_server(SSL_CTX& context, int socket) {
  std::unique_ptr<TlsSession> made(new TlsSession(context, socket));
  SSL_set_accept_state(made->session_.get());
  return made;
}

std::unique_ptr<TlsSession> TlsSession::of_client(SSL_CTX& context, int socket,
                                                  const std::string& server_name) {
  std::unique_ptr<TlsSession> made(new TlsSession(context, socket));
  SSL* session = made->session_.get();
  SSL_set_connect_state(session);
  SSL_set_hostflags(session, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  // An address has no place in the name that a client asks for.
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), server_name.c_str()) != 1) {
    CHECK(SSL_set1_host(session, server_name.c_str()) == 1);
    SSL_set_tlsext_host_name(session, server_name.c_str());
  }
  made->refusal_.watch(*session, server_name);
  return made;
}

TlsSession::Step TlsSession::handshake() {
  ERR_clear_error();
  return step_after(SSL_do_handshake(session_.get()));
}

TlsSession::Step TlsSession::read(char* to, std::size_t size) {
  ERR_clear_error();
  return step_after(SSL_read(session_.get(), to, bounded(size)));
}

TlsSession::Step TlsSession::write(std::string_view bytes) {
  std::size_t written = 0;
  while (true) {
    ERR_clear_error();
    const std::string_view left = bytes.substr(written);
    const Step step = step_after(SSL_write(session_.get(), left.data(), bounded(left.size())));
    if (step.outcome != Outcome::kDone) return written > 0 ? Step{Outcome::kDone, written} : step;
    written += step.bytes;
    if (written == bytes.size() || written >= kWriteBytes) return {Outcome::kDone, written};
  }
}

TlsSession::Step TlsSession::say_end() {
  if (!failure_.empty()) return {Outcome::kFailed};
  ERR_clear_error();
  const int result = SSL_shutdown(session_.get());
  // 0: it is said; the client has not said it yet, which nobody waits for.
  return result >= 0 ? Step{Outcome::kDone} : step_after(result);
}

TlsSession::Step TlsSession::peek() {
  ERR_clear_error();
  char byte = 0;
  return step_after(SSL_peek(session_.get(), &byte, 1));
}

bool TlsSession::is_quiet() { return peek().outcome == Outcome::kWantsRead; }

bool TlsSession::is_ended() {
  switch (peek().outcome) {
    case Outcome::kDone:
    case Outcome::kWantsRead:
    case Outcome::kWantsWrite:
      return false;
    case Outcome::kEnd:
    case Outcome::kFailed:
      return true;
  }
  return true;
}

TlsSession::Step TlsSession::step_after(int result) {
  if (result > 0) return {Outcome::kDone, static_cast<std::size_t>(result)};
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Outcome::kWantsRead};
    case SSL_ERROR_WANT_WRITE:
      return {Outcome::kWantsWrite};
    case SSL_ERROR_ZERO_RETURN:
    case SSL_ERROR_SYSCALL:
      return {Outcome::kEnd};
    default:
      failure_ = refusal_.text(*session_);
      return {Outcome::kFailed};
  }
}

}  // namespace rqlite::net
