#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "net/tls_refusal.h"

namespace rqlite::net {

// One side of TLS on a connected TCP socket. It holds no buffer of its own while there
// is nothing under way, which is why it works on the socket itself and not on buffers between them.
//
// Never blocks, whatever the socket's mode. Not thread-safe. Sends no SIGPIPE.
class TlsSession {
 public:
  // `socket` must be open whenever anything but the destructor is called, and is not closed by it.
  static std::unique_ptr<TlsSession> of_server(SSL_CTX& context, int socket);
  // If the context verifies servers, this one must show a certificate for `server_name`, which is a
  // host name or an IP address, among its alternative names.
  static std::unique_ptr<TlsSession> of_client(SSL_CTX& context, int socket,
                                               const std::string& server_name);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Outcome {
    kDone,
    kWantsRead,  // nothing done: call again, with the same arguments, when the socket has something
    kWantsWrite,  // likewise, when the socket has room
    kEnd,         // the peer has ended its side, or the connection is gone
    kFailed,      // the peer broke the protocol, or was refused, or refuses us: see failure()
  };
  struct Step {
    Outcome outcome;
    std::size_t bytes = 0;  // of a read or write that is done; at least 1
  };

  Step handshake();
  // `size` is not 0.
  Step read(char* to, std::size_t size);
  // Writes a part, of which it may take several records. After kWantsWrite the same bytes must be
  // offered again, wherever they are by then.
  Step write(std::string_view bytes);
  // Tells the peer that nothing more comes.
  Step say_end();
  // Whether the peer has ended its side. What it sent ahead hides that until it is read.
  [[nodiscard]] bool is_ended();
  // Whether nothing has come that is still to be read: no bytes, and no end.
  [[nodiscard]] bool is_quiet();

  // Why the last step was kFailed, in a few words.
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  TlsSession(SSL_CTX& context, int socket);

  // What became of a call that returned `result`.
  Step step_after(int result);
  Step peek();

  struct Free {
    void operator()(SSL* session) const noexcept;
  };
  std::unique_ptr<SSL, Free> session_;
  TlsRefusal refusal_;  // of the server's certificate, on a client's side
  std::string failure_;
};

}  // namespace rqlite::net
