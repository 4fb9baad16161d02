#include "net/connection_reply.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <optional>

#include "net/connection.h"
#include "net/outflow.h"

namespace rqlite::net {

namespace asio = boost::asio;

namespace {

// The pieces of a response's body on their way to the connection's thread.
class OutflowStream final : public BodyStream {
 public:
  explicit OutflowStream(std::shared_ptr<Outflow> outflow) : outflow_(std::move(outflow)) {}
  ~OutflowStream() override { outflow_->abandon(); }
  bool write(BytesView piece) override { return outflow_->write(piece); }
  void finish() override { outflow_->finish(); }

 private:
  const std::shared_ptr<Outflow> outflow_;
};

}  // namespace

ConnectionReply::ConnectionReply(std::shared_ptr<Connection> connection)
    : executor_(connection->executor()), connection_(std::move(connection)) {}

ConnectionReply::~ConnectionReply() {
  if (connection_) send(Response::text(503, "shutting down"));
}

void ConnectionReply::send(Response response) {
  if (sent_.exchange(true)) return;
  // dispatch() runs it at once where the handler answers on the connection's own thread.
  asio::dispatch(executor_,
                 [connection = std::move(connection_), response = std::move(response)]() mutable {
                   connection->respond(std::move(response));
                 });
}

void ConnectionReply::send(std::unique_ptr<ResponseMaker> maker) {
  if (sent_.exchange(true)) return;
  asio::dispatch(executor_, [connection = std::move(connection_), maker = std::move(maker)] {
    connection->respond(maker->make());
  });
}

std::unique_ptr<BodyStream> ConnectionReply::begin(Response head) {
  if (sent_.exchange(true)) {
    // Nobody takes anything from it.
    auto closed = std::make_shared<Outflow>([] {});
    closed->close();
    return std::make_unique<OutflowStream>(std::move(closed));
  }
  // Weak: the last to let go of a connection must be its own thread.
  auto outflow =
      std::make_shared<Outflow>([executor = executor_, weak = std::weak_ptr(connection_)] {
        if (auto connection = weak.lock()) {
          asio::post(executor, [connection = std::move(connection)] { connection->send_stream(); });
        }
      });
  asio::dispatch(executor_,
                 [connection = std::move(connection_), outflow, head = std::move(head)]() mutable {
                   connection->begin_stream(std::move(head), std::move(outflow));
                 });
  return std::make_unique<OutflowStream>(std::move(outflow));
}

void ConnectionReply::upgrade(std::string protocol,
                              std::vector<std::pair<std::string_view, std::string>> headers,
                              Takeover then) {
  if (sent_.exchange(true)) return;
  asio::dispatch(executor_, [connection = std::move(connection_), protocol = std::move(protocol),
                             head = Response{101, {}, std::move(headers), {}},
                             then = std::move(then)]() mutable {
    connection->upgrade(protocol, std::move(head), std::move(then));
  });
}

void ConnectionReply::post(std::function<void()> work) { asio::post(executor_, std::move(work)); }

void ConnectionReply::send_after(std::chrono::nanoseconds delay, LateResponse make) {
  if (sent_) return;
  // Weak: a reply that nobody holds any more has been sent.
  connection_->call_later(delay, [weak = weak_from_this(), make = std::move(make)] {
    const auto self = weak.lock();
    if (!self) return;
    if (std::optional<Response> response = make()) self->send(std::move(*response));
  });
}

void ConnectionReply::on_gone(std::function<void()> gone) {
  if (sent_) return;
  connection_->call_if_gone([weak = weak_from_this(), gone = std::move(gone)] {
    gone();
    // There is nobody any more to send anything to: lets go of the connection.
    const auto self = weak.lock();
    if (self && !self->sent_.exchange(true)) self->connection_.reset();
  });
}

}  // namespace rqlite::net
