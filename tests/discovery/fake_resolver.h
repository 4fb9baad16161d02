#pragma once

#include <map>
#include <string>
#include <vector>

#include "discovery/resolver.h"

namespace rqlite::discovery {

// A name service that knows what a test tells it.
class FakeResolver final : public Resolver {
 public:
  Result<std::vector<std::string>> addresses_of(const std::string& name) override {
    return answer(addresses, name);
  }
  Result<std::vector<SrvRecord>> services_of(const std::string& name) override {
    return answer(services, name);
  }

  std::map<std::string, std::vector<std::string>> addresses;
  std::map<std::string, std::vector<SrvRecord>> services;

 private:
  template <typename Answer>
  static Result<Answer> answer(const std::map<std::string, Answer>& known,
                               const std::string& name) {
    const auto found = known.find(name);
    if (found == known.end()) {
      return Status(Code::kUnavailable, "lookup " + name + ": no such host");
    }
    return found->second;
  }
};

}  // namespace rqlite::discovery
