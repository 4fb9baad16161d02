#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"
#include "fakes/sim_file_system.h"
#include "net/server.h"
#include "net/tls_client.h"
#include "net/tls_context.h"

namespace rqlite::net {

// Answers with what it was asked, or with its content type and fields X for "/fields", or with what
// it asks to become for "/upgrade%3f"; "/hold" is left to the test, "/drop" is never answered.
class EchoHandler final : public Handler {
 public:
  void handle(Request request, std::shared_ptr<Reply> reply) override {
    if (request.path == "/hold") {
      {
        MutexLock lock(mutex_);
        held_.push_back(std::move(reply));
      }
      changed_.notify_all();
      return;
    }
    if (request.path == "/drop") return;
    if (request.path == "/fields") {
      std::string text = request.content_type;
      for (const std::string_view value : request.headers->values("X"))
        text += " " + std::string(value);
      return reply->send(Response::text(200, text));
    }
    if (request.path == "/upgrade?") {
      return reply->send(Response::text(200, "asks for [" + request.upgrade + "]"));
    }
    if (request.path == "/post") {
      reply->post([reply] { reply->send(Response::text(200, "posted")); });
      return;
    }
    if (request.path == "/watch") {
      reply->on_gone([this] {
        MutexLock lock(mutex_);
        gone_ = true;
        changed_.notify_all();
      });
      MutexLock lock(mutex_);
      held_.push_back(std::move(reply));
      changed_.notify_all();
      return;
    }
    if (request.path == "/late") {
      reply->send_after(std::chrono::seconds(0),
                        [] { return std::optional(Response::text(408, "too late")); });
      MutexLock lock(mutex_);
      held_.push_back(std::move(reply));
      return;
    }
    reply->send(Response::text(
        200, request.method + " " + request.path + "?" + request.raw_query + " " +
                 (request.body.size() > 20 ? std::to_string(request.body.size()) : request.body)));
  }

  // Blocks until a request is held.
  std::shared_ptr<Reply> take() {
    MutexLock lock(mutex_);
    while (held_.empty()) changed_.wait(mutex_);
    std::shared_ptr<Reply> first = std::move(held_.front());
    held_.pop_front();
    return first;
  }

  // Blocks until somebody who wanted to know heard that the client is gone.
  void await_gone() {
    MutexLock lock(mutex_);
    while (!gone_) changed_.wait(mutex_);
  }
  [[nodiscard]] bool gone() {
    MutexLock lock(mutex_);
    return gone_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::shared_ptr<Reply>> held_ GUARDED_BY(mutex_);
  bool gone_ GUARDED_BY(mutex_) = false;
};

// A client's end of a connection.
class RawClient {
 public:
  // `tls` says how it speaks TLS; nullopt: it does not.
  RawClient(const std::string& address, const std::optional<TlsClient::Options>& tls)
      : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    if (!tls) return;
    tls_.emplace(socket_, *tls);
    EXPECT_EQ(tls_->handshake(), TlsClient::Outcome::kDone);
  }
  ~RawClient() { ::close(socket_); }
  RawClient(const RawClient&) = delete;

  void send(std::string_view bytes) {
    if (tls_) return (void)tls_->write(bytes);
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the server has heard enough
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // Everything up to and with `end`; less if the server closes the connection before.
  std::string read_until(std::string_view end) {
    std::string text;
    char c = 0;
    while (!text.ends_with(end) && receive(&c, 1) == 1) text += c;
    return text;
  }
  // So many bytes; less if the server closes the connection before.
  std::string read_bytes(std::size_t size) {
    std::string text(size, 0);
    std::size_t done = 0;
    for (std::size_t got = 1; got > 0 && done < size; done += got) {
      got = receive(text.data() + done, size - done);
    }
    text.resize(done);
    return text;
  }
  // All that comes until the server closes the connection.
  std::string read_all() {
    std::string text;
    char buffer[4096];
    for (std::size_t got; (got = receive(buffer, sizeof buffer)) > 0;) text.append(buffer, got);
    return text;
  }
  // Whether it was the server that ended what was read, and not somebody who cut the wire. Anybody
  // can end a connection without TLS.
  [[nodiscard]] bool was_told_the_end() const { return told_the_end_; }
  void say_end() { EXPECT_EQ(tls_->say_end(), TlsClient::Outcome::kDone); }

 private:
  // 0 at the end.
  std::size_t receive(char* to, std::size_t size) {
    std::size_t got = 0;
    if (tls_) {
      const TlsClient::Outcome outcome = tls_->read(to, size, got);
      told_the_end_ = outcome == TlsClient::Outcome::kEnd;
      return outcome == TlsClient::Outcome::kDone ? got : 0;
    }
    const ssize_t received = ::recv(socket_, to, size, 0);
    told_the_end_ = received == 0;
    return received > 0 ? static_cast<std::size_t>(received) : 0;
  }

  const int socket_;
  std::optional<TlsClient> tls_;
  bool told_the_end_ = false;
};

enum class Transport { kPlain, kTls };

inline std::string name_of(const ::testing::TestParamInfo<Transport>& info) {
  return info.param == Transport::kTls ? "Tls" : "Plain";
}

// A server on a port of its own.
class AServerTest : public ::testing::Test {
 protected:
  AServerTest(Transport transport, ServerLimits limits) {
    Server::Options options;
    if (transport == Transport::kTls) options.tls = open_tls();
    options.host = "127.0.0.1";
    options.port = "0";
    options.limits = limits;
    options.headers = {{"X-Rqlite-Version", "v1"}};
    Result<std::unique_ptr<Server>> server = Server::listen(std::move(options), handler_);
    EXPECT_TRUE(server.ok()) << server.status().text();
    server_ = std::move(*server);
    server_->start();
  }

  TlsContext* open_tls() {
    const PemPair pair =
        authority_.issue({"localhost"}, std::chrono::hours(48), "DNS:localhost,IP:127.0.0.1");
    EXPECT_TRUE(disk_.replace_file("/cert", pair.certificate).ok());
    EXPECT_TRUE(disk_.replace_file("/key", pair.key).ok());
    EXPECT_TRUE(disk_.replace_file("/ca", authority_.pem()).ok());
    TlsContext::Options options;
    options.certificate_file = "/cert";
    options.key_file = "/key";
    tls_ = *TlsContext::open(options, disk_, clock_);
    return tls_.get();
  }
  [[nodiscard]] std::optional<TlsClient::Options> client_tls() const {
    if (!tls_) return std::nullopt;
    return TlsClient::Options{authority_.pem(), std::nullopt, 0, {}};
  }
  RawClient connect() { return RawClient(server_->address(), client_tls()); }
  // The whole answer to one request, after which the server closes.
  std::string ask(std::string_view bytes) {
    RawClient client = connect();
    client.send(bytes);
    std::string answer = client.read_all();
    EXPECT_TRUE(client.was_told_the_end());
    return answer;
  }

  const Authority authority_{"an authority"};
  const SystemClock clock_;
  SimFileSystem disk_;
  std::unique_ptr<TlsContext> tls_;
  EchoHandler handler_;
  std::unique_ptr<Server> server_;
};

class ServerTest : public AServerTest, public ::testing::WithParamInterface<Transport> {
 protected:
  explicit ServerTest(ServerLimits limits = {}) : AServerTest(GetParam(), limits) {}
};

}  // namespace rqlite::net
