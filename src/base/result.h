#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/status.h"

namespace rqlite {

// A value, or the Status that says why there is none. Keeps the shape of std::expected so that
// it can be swapped for it.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Result(Status error) : content_(std::in_place_index<1>, std::move(error)) {
    CHECK(!std::get<1>(content_).ok());
  }

  [[nodiscard]] bool has_value() const noexcept { return content_.index() == 0; }
  [[nodiscard]] bool ok() const noexcept { return has_value(); }

  // Precondition of all that reach the value: has_value().
  [[nodiscard]] T& value() & {
    CHECK(has_value());
    return std::get<0>(content_);
  }
  [[nodiscard]] const T& value() const& {
    CHECK(has_value());
    return std::get<0>(content_);
  }
  [[nodiscard]] T&& value() && {
    CHECK(has_value());
    return std::get<0>(std::move(content_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Precondition: !has_value().
  [[nodiscard]] const Status& error() const {
    CHECK(!has_value());
    return std::get<1>(content_);
  }

  // Ok, or the error: for callers that only pass the outcome on.
  [[nodiscard]] Status status() const { return has_value() ? Status() : error(); }

 private:
  std::variant<T, Status> content_;
};

}  // namespace rqlite

// Leaves the function with the Status of `expression` unless it is ok.
#define RETURN_IF_ERROR(expression)                               \
  do {                                                            \
    if (::rqlite::Status status_ = (expression); !status_.ok()) { \
      return status_;                                             \
    }                                                             \
  } while (false)
