#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "discovery/http_caller.h"
#include "net/header_fields.h"

namespace rqlite::discovery {

// Servers that answer what a test tells them, one answer after the other; those that have none
// left are out of reach.
class FakeCaller final : public HttpCaller {
 public:
  Result<HttpAnswer> call(const HttpCall& call) override {
    calls.push_back(call);
    std::deque<HttpAnswer>& waiting = answers[call.address];
    if (waiting.empty()) return Status(Code::kUnavailable, call.address + ": connection refused");
    HttpAnswer answer = std::move(waiting.front());
    waiting.pop_front();
    return answer;
  }

  void answer(const std::string& address, int status, Bytes body) {
    answers[address].push_back({status, std::move(body)});
  }
  // "POST host:1/path body", of the last call or of one by its number.
  [[nodiscard]] std::string line() const { return line(calls.size() - 1); }
  [[nodiscard]] std::string line(std::size_t number) const {
    const HttpCall& call = calls.at(number);
    return call.method + " " + call.address + call.target +
           (call.body.empty() ? "" : " " + call.body);
  }
  [[nodiscard]] std::string header(const std::string& name) const {
    return std::string(net::find_field(calls.back().headers, name).value_or("none"));
  }

  std::map<std::string, std::deque<HttpAnswer>> answers;
  std::vector<HttpCall> calls;
};

}  // namespace rqlite::discovery
