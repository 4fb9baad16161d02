#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace rqlite::http {

enum class Permission : std::uint8_t {
  kBackup,
  kExecute,
  kJoin,
  kJoinReadOnly,
  kLeaderOps,
  kLoad,
  kQuery,
  kReady,
  kRemove,
  kSnapshot,
  kStatus,
  kUi,
};
inline constexpr int kPermissions = static_cast<int>(Permission::kUi) + 1;

// A set of permissions: what a user holds, or what a request needs.
class Permissions {
 public:
  constexpr Permissions() noexcept = default;
  constexpr Permissions(std::initializer_list<Permission> permissions) noexcept {
    for (const Permission permission : permissions) bits_ |= bit(permission);
  }
  static constexpr Permissions all() noexcept {
    Permissions permissions;
    permissions.bits_ = (1u << kPermissions) - 1;
    return permissions;
  }
  // What `name` stands for in a credentials file; nothing if it is unknown.
  static Permissions of_name(std::string_view name) noexcept;

  constexpr Permissions& operator|=(Permissions other) noexcept {
    bits_ |= other.bits_;
    return *this;
  }
  [[nodiscard]] constexpr Permissions without(Permissions other) const noexcept {
    Permissions left;
    left.bits_ = bits_ & ~other.bits_;
    return left;
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }

  friend constexpr bool operator==(Permissions, Permissions) = default;

 private:
  static constexpr std::uint32_t bit(Permission permission) noexcept {
    return 1u << static_cast<int>(permission);
  }

  std::uint32_t bits_ = 0;
};

}  // namespace rqlite::http
