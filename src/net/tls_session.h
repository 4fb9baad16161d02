#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace rqlite::net {

// The server's side of TLS on one connected TCP socket. It holds no buffer of its own while there
// is nothing under way, which is why it works on the socket itself and not on buffers between them.
//
// Never blocks, whatever the socket's mode. Not thread-safe. Sends no SIGPIPE.
class TlsSession {
 public:
  // `socket` must be open whenever anything but the destructor is called, and is not closed by it.
  TlsSession(SSL_CTX& context, int socket);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  enum class Outcome {
    kDone,
    kWantsRead,  // nothing done: call again, with the same arguments, when the socket has something
    kWantsWrite,  // likewise, when the socket has room
    kEnd,         // the client has ended its side, or the connection is gone
    kFailed,      // the client broke the protocol, or was refused: see failure()
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
  // Tells the client that nothing more comes.
  Step say_end();
  // Whether the client has ended its side. What it sent ahead hides that until it is read.
  [[nodiscard]] bool is_ended();
  // Whether nothing has come that is still to be read: no bytes, and no end.
  [[nodiscard]] bool is_quiet();

  // Why the last step was kFailed, in a few words.
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  // What became of a call that returned `result`.
  Step step_after(int result);
  Step peek();

  struct Free {
    void operator()(SSL* session) const noexcept;
  };
  std::unique_ptr<SSL, Free> session_;
  std::string failure_;
};

}  // namespace rqlite::net
