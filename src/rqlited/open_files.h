#pragma once

#include <cstddef>
#include <cstdint>

namespace rqlite::rqlited {

// Lets this process open as many files as it may let itself, and returns how many that are. The
// usual limit, 1024, is for programs that use select(); whoever needs more is to ask for it.
std::uint64_t raise_open_files_limit();

// Who may have how many of the files that a process may open. The log and the snapshots come first:
// a node that cannot make the next file of its log stops, whereas a client or a read can wait.
struct OpenFiles {
  std::size_t clients;  // connections, a file each
  std::size_t readers;  // of the database, three files each
};
// `readers` is how many there are to be if there are enough files.
OpenFiles share_open_files(std::uint64_t limit, std::size_t readers);

}  // namespace rqlite::rqlited
