#pragma once

#include <string>
#include <string_view>

namespace rqlite::http {

// The work doubles with each step. Above the highest, one request would keep a thread busy for
// many seconds.
inline constexpr int kBcryptCostMin = 4;
inline constexpr int kBcryptCostMax = 16;

// Whether `text` begins as bcrypt's hashes do: $2a$, $2b$ or $2y$, two digits and a dollar.
bool begins_like_bcrypt(std::string_view text);

// The cost of `text` if it is such a hash, whole and of a cost within the bounds; 0 if it is not.
int bcrypt_cost(std::string_view text);

// A hash of this cost that belongs to no password, to do the same work where there is no other.
std::string bcrypt_stand_in(int cost);

// Whether `hash` is that of `password`. Blocks, for tens of milliseconds at the usual costs. As
// everywhere, what stands behind the first 72 bytes does not count. Precondition:
// bcrypt_cost(hash).
bool bcrypt_matches(const std::string& hash, std::string_view password);

}  // namespace rqlite::http
