#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/message.h"

namespace rqlite {

// The header fields that a test gives.
class FakeHeaders final : public net::Headers {
 public:
  [[nodiscard]] std::vector<std::string_view> values(std::string_view name) const override {
    std::vector<std::string_view> found;
    for (const auto& [key, value] : fields) {
      if (key == name) found.emplace_back(value);
    }
    return found;
  }
  [[nodiscard]] std::shared_ptr<const net::Headers> keep() const override {
    return std::make_shared<FakeHeaders>(*this);
  }
  std::vector<std::pair<std::string, std::string>> fields;
};

}  // namespace rqlite
