#pragma once

#include <boost/beast/http/fields.hpp>
#include <memory>
#include <string_view>
#include <vector>

#include "net/message.h"

namespace rqlite::net {

// Header fields as handlers see them: somebody else's (`Fields` is a reference), or a copy.
template <typename Fields>
class MessageHeaders final : public Headers {
 public:
  explicit MessageHeaders(const boost::beast::http::fields& fields) : fields_(fields) {}
  [[nodiscard]] std::vector<std::string_view> values(std::string_view name) const override {
    std::vector<std::string_view> values;
    const auto [first, last] = fields_.equal_range(name);
    for (auto each = first; each != last; ++each) {
      values.emplace_back(each->value().data(), each->value().size());
    }
    return values;
  }
  [[nodiscard]] std::shared_ptr<const Headers> keep() const override {
    return std::make_shared<MessageHeaders<boost::beast::http::fields>>(fields_);
  }

 private:
  const Fields fields_;
};

using BorrowedHeaders = MessageHeaders<const boost::beast::http::fields&>;

}  // namespace rqlite::net
