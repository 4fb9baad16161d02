#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace rqlite::store {

// Where things are in a data directory.
struct DatabaseFiles {
  explicit DatabaseFiles(std::string data_directory) : directory(std::move(data_directory)) {}

  std::string directory;

  [[nodiscard]] std::string main() const { return directory + "/db.sqlite"; }
  [[nodiscard]] std::string wal() const { return directory + "/db.sqlite-wal"; }
  [[nodiscard]] std::string shm() const { return directory + "/db.sqlite-shm"; }
  // A database that is to take the main one's place, by the number that its entry in the log has.
  [[nodiscard]] std::string set_aside() const { return directory + "/aside"; }
  [[nodiscard]] std::string set_aside(std::uint64_t number) const {
    return set_aside() + "/" + std::to_string(number) + ".sqlite";
  }
  // For files that nobody needs after a restart, which removes them.
  [[nodiscard]] std::string scratch() const { return directory + "/scratch"; }
  // Says that what is here is to be put away, and where that is kept until others take its place.
  [[nodiscard]] std::string fresh_start() const { return directory + "/fresh-start"; }
  [[nodiscard]] std::string put_away() const { return directory + "/removed"; }
  // Of shared libraries, copied and unpacked.
  [[nodiscard]] std::string extensions() const { return directory + "/extensions"; }
  // When VACUUM and the like were done last.
  [[nodiscard]] std::string maintenance() const { return directory + "/maintenance"; }
  [[nodiscard]] std::string lock() const { return directory + "/lock"; }
  [[nodiscard]] std::string raft() const { return directory + "/raft"; }
  [[nodiscard]] std::string log() const { return directory + "/raft/log"; }
  [[nodiscard]] std::string identity() const { return directory + "/raft/identity"; }
  // By which a recovery with other members knows that it was done.
  [[nodiscard]] std::string recovery_mark() const { return directory + "/raft/recovery"; }
  // What this node has promised to those with whom it founds a cluster.
  [[nodiscard]] std::string founding() const { return directory + "/raft/founding"; }
  [[nodiscard]] std::string snapshot() const { return directory + "/raft/snapshot"; }
};

// SQLite's WAL: a header, then frames of a header and a page each (its file format, section 4.1).
inline constexpr std::uint64_t kWalHeaderBytes = 32;
constexpr std::uint64_t wal_bytes(std::uint64_t frames, std::uint64_t page_bytes) {
  return frames == 0 ? 0 : kWalHeaderBytes + frames * (24 + page_bytes);
}

}  // namespace rqlite::store
