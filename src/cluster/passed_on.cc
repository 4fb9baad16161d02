#include "cluster/passed_on.h"

#include <array>
#include <utility>

namespace rqlite::cluster {

PassedOn passed_on_kind(std::string_view path) {
  using enum PassedOn;
  static constexpr std::array<std::pair<std::string_view, PassedOn>, 7> kPaths = {{
      {"/db/execute", kExecute},
      {"/db/query", kQuery},
      {"/db/request", kRequest},
      {"/db/backup", kBackup},
      {"/db/load", kLoad},
      {"/remove", kRemoveNode},
      {"/leader", kStepdown},
  }};
  for (const auto& [begin, kind] : kPaths) {
    if (path.starts_with(begin)) return kind;
  }
  return kOther;
}

}  // namespace rqlite::cluster
