#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace rqlite {

// Owned bytes and a borrowed view of them. std::string keeps small ones without an allocation
// and is what the libraries we call take.
using Bytes = std::string;
using BytesView = std::string_view;

// Our files are little-endian, and so is every machine we build for; a big-endian port has to
// swap here.
static_assert(std::endian::native == std::endian::little);

template <typename Number>
void append_number(Bytes& to, Number number) {
  static_assert(std::is_integral_v<Number>);
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Precondition: at least sizeof(Number) bytes at `from`.
template <typename Number>
[[nodiscard]] Number load_number(const char* from) {
  Number number;
  std::memcpy(&number, from, sizeof number);
  return number;
}

}  // namespace rqlite
