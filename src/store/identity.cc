#include "store/identity.h"

#include <fmt/format.h>

#include "base/random.h"
#include "base/slot_file.h"

namespace rqlite::store {

Result<raft::RaftId> read_or_make_raft_id(FileSystem& files, const DatabaseFiles& paths) {
  std::uint64_t fresh = 0;
  while (fresh == 0) fresh = random_from_system();  // 0 means none
  Bytes initial;
  append_number(initial, fresh);
  Result<SlotFile> slot = SlotFile::open(files, paths.identity(), initial);
  if (!slot.ok()) return slot.error();
  if (slot->value().size() != sizeof fresh) {
    return Status(Code::kFailed, paths.identity() + " does not hold an identity");
  }
  return raft::RaftId(load_number<std::uint64_t>(slot->value().data()));
}

std::string make_cluster_id() {
  const std::uint64_t high = (random_from_system() & ~0xf000ull) | 0x4000;
  const std::uint64_t low = (random_from_system() & ~(3ull << 62)) | (2ull << 62);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffffffffffff);
}

}  // namespace rqlite::store
