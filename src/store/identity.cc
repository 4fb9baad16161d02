#include "store/identity.h"

#include <fmt/format.h>
#include <xxhash.h>

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

namespace {

std::string to_uuid(std::uint64_t high, std::uint64_t low, std::uint64_t version) {
  high = (high & ~0xf000ull) | version << 12;
  low = (low & ~(3ull << 62)) | (2ull << 62);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                     high & 0xffff, low >> 48, low & 0xffffffffffff);
}

}  // namespace

std::string make_cluster_id() { return to_uuid(random_from_system(), random_from_system(), 4); }

std::string recovered_cluster_id(const std::string& old_id, raft::Index index, raft::Term term,
                                 const std::map<raft::RaftId, Member>& members,
                                 const raft::Members& parts) {
  std::string what = fmt::format("{} {} {}\n", old_id, index.to_string(), term.to_string());
  for (const auto& [id, member] : members) {
    what +=
        fmt::format("{} {}:{} {}:{} {}\n", id.to_string(), member.node_id.size(), member.node_id,
                    member.raft_address.size(), member.raft_address, parts.is_voter(id));
  }
  const XXH128_hash_t hash = XXH3_128bits(what.data(), what.size());
  return to_uuid(hash.high64, hash.low64, 8);
}

}  // namespace rqlite::store
