#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rqlite::cluster {

// What a client's request is about that one node passes on to another.
enum class PassedOn : std::uint8_t {
  kExecute,
  kQuery,
  kRequest,
  kBackup,
  kLoad,
  kRemoveNode,
  kStepdown,
  kOther,
};
inline constexpr std::size_t kPassedOnKinds = static_cast<std::size_t>(PassedOn::kOther) + 1;

// By the path of the client API.
[[nodiscard]] PassedOn passed_on_kind(std::string_view path);

}  // namespace rqlite::cluster
