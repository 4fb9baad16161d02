#include "http/bcrypt.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

namespace rqlite::http {
namespace {

// $2b$12$, then 22 characters of salt and 31 of hash.
constexpr std::size_t kPrefixSize = 7;
constexpr std::size_t kHashSize = kPrefixSize + 22 + 31;
constexpr std::size_t kPasswordBytesMax = 72;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_letter_of_hash(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' || c == '/';
}

}  // namespace

bool begins_like_bcrypt(std::string_view text) {
  return text.size() >= kPrefixSize && text.starts_with("$2") &&
         (text[2] == 'a' || text[2] == 'b' || text[2] == 'y') && text[3] == '$' &&
         is_digit(text[4]) && is_digit(text[5]) && text[6] == '$';
}

int bcrypt_cost(std::string_view text) {
  if (!begins_like_bcrypt(text) || text.size() != kHashSize) return 0;
  const std::string_view letters = text.substr(kPrefixSize);
  if (!std::all_of(letters.begin(), letters.end(), is_letter_of_hash)) return 0;
  const int cost = (text[4] - '0') * 10 + (text[5] - '0');
  return cost >= kBcryptCostMin && cost <= kBcryptCostMax ? cost : 0;
}

std::string bcrypt_stand_in(int cost) {
  std::string hash = "$2b$00$" + std::string(kHashSize - kPrefixSize, '.');
  hash[4] = static_cast<char>('0' + cost / 10);
  hash[5] = static_cast<char>('0' + cost % 10);
  return hash;
}

bool bcrypt_matches(const std::string& hash, std::string_view password) {
  // The C function would take a zero byte for the password's end. The work is done all the same,
  // so that its time tells nothing.
  const bool has_zero = password.find('\0') != std::string_view::npos;
  // Cut here because the function refuses very long ones, and at once.
  const std::string cut(password.substr(0, kPasswordBytesMax));

  const auto scratch = std::make_unique<crypt_data>();  // 32 KiB, too much for a small stack
  const char* hashed = crypt_r(cut.c_str(), hash.c_str(), scratch.get());
  const bool same = hashed != nullptr && std::strlen(hashed) == kHashSize &&
                    CRYPTO_memcmp(hashed, hash.data(), kHashSize) == 0;
  return same && !has_zero;
}

}  // namespace rqlite::http
