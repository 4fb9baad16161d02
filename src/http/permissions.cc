#include "http/permissions.h"

#include <array>
#include <utility>

namespace rqlite::http {

Permissions Permissions::of_name(std::string_view name) noexcept {
  using enum Permission;
  static constexpr std::array<std::pair<std::string_view, Permission>, kPermissions> kNames = {{
      {"backup", kBackup},
      {"execute", kExecute},
      {"join", kJoin},
      {"join-read-only", kJoinReadOnly},
      {"leader-ops", kLeaderOps},
      {"load", kLoad},
      {"query", kQuery},
      {"ready", kReady},
      {"remove", kRemove},
      {"snapshot", kSnapshot},
      {"status", kStatus},
      {"ui", kUi},
  }};
  if (name == "all") return all();
  for (const auto& [known, permission] : kNames) {
    if (name == known) return {permission};
  }
  return {};
}

}  // namespace rqlite::http
