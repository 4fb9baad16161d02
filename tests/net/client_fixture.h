#pragma once

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/client.h"
#include "net/raw_peer.h"
#include "net/server_fixture.h"
#include "net/tls_dialer.h"

namespace rqlite::net {

inline constexpr std::size_t kMebibyte = 1 << 20;

// "200 <body>", or "<code>: <text>".
inline std::string text_of(const CallResult& result) {
  if (result.response.ok()) {
    return std::to_string(result.response->status) + " " + result.response->body;
  }
  return result.response.error().text();
}

// The counts of the one address that was called.
inline ClientReport only(const Client& client) {
  const std::vector<ClientReport> all = client.report();
  EXPECT_EQ(all.size(), 1u);
  return all.empty() ? ClientReport() : all[0];
}

// A client and a server of ours.
class ClientTest : public ServerTest {
 protected:
  std::unique_ptr<TlsDialer> open_dialer() {
    if (!tls_) return nullptr;
    TlsDialer::Options options;
    options.ca_file = "/ca";
    return *TlsDialer::open(std::move(options), disk_, clock_);
  }
  // Options of a client that speaks what the server does.
  [[nodiscard]] Client::Options options() const {
    Client::Options options;
    options.tls = dialer_.get();
    return options;
  }
  [[nodiscard]] Call a_call(const std::string& target) const {
    Call call;
    call.address = server_->address();
    call.target = target;
    return call;
  }
  std::string get(const std::string& target) {
    return text_of(client_.fetch(a_call(target), kMebibyte));
  }

  const std::unique_ptr<TlsDialer> dialer_ = open_dialer();
  Client client_{options()};
};

// A client, and a peer that says what the test wants.
class RawPeerTest : public ::testing::Test {
 protected:
  Call a_call() {
    Call call;
    call.address = peer_.address();
    call.method = "POST";
    call.body = "abc";
    return call;
  }
  std::future<CallResult> begin(Call call, std::size_t bytes_max = kMebibyte) {
    auto told = std::make_shared<std::promise<CallResult>>();
    client_.fetch(std::move(call), bytes_max,
                  [told](CallResult result) { told->set_value(std::move(result)); });
    return told->get_future();
  }
  // The answer to one request on a connection of its own, behind which the peer closes it.
  CallResult ask(std::string_view answer) {
    Call call = a_call();
    call.fresh = true;
    auto told = begin(std::move(call));
    RawConnection connection = peer_.accept();
    (void)connection.read_until("abc");
    connection.send(answer);
    connection.close();
    return told.get();
  }
  // The same, as text.
  std::string answer_to(std::string_view answer) { return text_of(ask(answer)); }

  RawPeer peer_;
  Client client_{{}};
};

}  // namespace rqlite::net
