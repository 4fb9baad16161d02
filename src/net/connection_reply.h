#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/message.h"

namespace rqlite::net {

class Connection;

// Brings a response back to its connection and the thread of that. If it is dropped without one, as
// when the server goes down, the client gets to know.
class ConnectionReply final : public Reply, public std::enable_shared_from_this<ConnectionReply> {
 public:
  explicit ConnectionReply(std::shared_ptr<Connection> connection);
  ~ConnectionReply() override;

  void send(Response response) override;
  void send(std::unique_ptr<ResponseMaker> maker) override;
  std::unique_ptr<BodyStream> begin(Response head) override;
  void upgrade(std::string protocol, std::vector<std::pair<std::string_view, std::string>> headers,
               Takeover then) override;
  void post(std::function<void()> work) override;
  void send_after(std::chrono::nanoseconds delay, LateResponse make) override;
  void on_gone(std::function<void()> gone) override;

 private:
  const boost::asio::any_io_executor executor_;
  std::shared_ptr<Connection> connection_;  // until the response is on its way
  std::atomic<bool> sent_{false};
};

}  // namespace rqlite::net
