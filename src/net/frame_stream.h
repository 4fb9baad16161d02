#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/status.h"

namespace rqlite::net {

class Socket;

// Frames of bytes in both directions over a socket that was handed over: what `frame_reader.h`
// describes. Made for messages that had better arrive soon than for certain: a frame that cannot go
// now and finds no room to wait is refused, and what waits when the stream is closed is lost.
// Frames that arrive do so whole, once, and in the order in which they were sent.
//
// There are no heartbeats. A peer that is dead is noticed by what the system knows of it, within
// about Options::silence_max; one that hangs is not.
//
// Threads: any. What is written at once is written by the thread that sends; the rest, and all
// reading, is done by the socket's thread, which must be there until OnClosed has been called: a
// stream of a server's is closed before Server::stop(), and then has ended when that returns.
class FrameStream {
 public:
  struct Options {
    // Of one frame, either way; less than 4 GiB. Both ends should agree: whoever gets a larger one
    // closes the stream.
    std::size_t frame_bytes_max = 64 << 20;
    // While so many wait to be written, more frames are refused. A frame may always wait alone.
    std::size_t waiting_bytes_max = 64 << 20;
    // Without a sign of life from the peer's system.
    std::chrono::seconds silence_max{10};
  };
  // Both are called on the socket's thread, one at a time; they must not block it, may do what they
  // like with the stream, and are destroyed after OnClosed was called.
  using OnFrame = std::function<void(Bytes frame)>;
  // Called once, when the socket is gone, and nothing is called afterwards. Ok: close() did it.
  // kInvalid: the peer sent what is no frame. kUnavailable: it closed the connection, or that
  // broke.
  using OnClosed = std::function<void(const Status& why)>;

  // `received` came on the socket and was not read from it. Nothing else may use the socket.
  FrameStream(std::unique_ptr<Socket> socket, BytesView received, Options options);
  // Closes; OnClosed is still called afterwards.
  ~FrameStream();
  FrameStream(const FrameStream&) = delete;
  FrameStream& operator=(const FrameStream&) = delete;

  // Reads from now on. Once. When it is called on the socket's thread, nothing is called before it
  // returns.
  void start(OnFrame on_frame, OnClosed on_closed);

  // Writes the frame, or lets it wait, and never blocks for the peer. False: it is not sent, for it
  // is too large, or too much waits, or the stream is closed.
  bool send(BytesView frame);
  // The frame is `head` with `body` behind it.
  bool send(BytesView head, BytesView body);

  // Nothing more is sent, and no frame is handed out, but for one that is on its way to OnFrame.
  // The peer sees the end of the connection.
  void close();

  // That have been accepted by send() and wait for the peer to take them.
  [[nodiscard]] std::size_t waiting_bytes() const;
  // How long the way to the peer and back takes, as the system has seen it of late; nullopt if it
  // does not know, or the stream is closed.
  [[nodiscard]] std::optional<std::chrono::microseconds> round_trip() const;

 private:
  class Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace rqlite::net
