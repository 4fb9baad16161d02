#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/message.h"

namespace rqlite {

// Keeps the response for the test.
class FakeReply final : public net::Reply {
 public:
  void send(net::Response response) override {
    if (!response_) response_ = std::move(response);
  }
  void send(std::unique_ptr<net::ResponseMaker> maker) override { send(maker->make()); }
  std::unique_ptr<net::BodyStream> begin(net::Response) override { return nullptr; }
  void upgrade(std::string, std::vector<std::pair<std::string_view, std::string>>,
               Takeover) override {
    ADD_FAILURE() << "nobody asked for an upgrade";
  }
  void post(std::function<void()> work) override { work(); }
  void send_after(std::chrono::nanoseconds, LateResponse) override {}
  void on_gone(std::function<void()>) override {}

  std::optional<net::Response> response_;
};

}  // namespace rqlite
