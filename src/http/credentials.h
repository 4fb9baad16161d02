#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "http/credentials_file.h"
#include "http/keyed_digest.h"
#include "http/login.h"
#include "http/permissions.h"

namespace rqlite::http {

// Who may do what: the users of a credentials file, and the decision about a request.
//
// The rule, for each permission a request needs: whoever asks may, if the user * holds it;
// otherwise the login must name a user, with that user's password, who holds it.
//
// A password may stand in the file as a bcrypt hash, and to hash takes tens of milliseconds. So
// check() answers from what is known, and verify(), which may block, finds out what is not. What
// it found is remembered, one right login per user and at most kRejectedMax wrong ones: a client
// that sends its password with each request pays for one hash, and one that repeats a wrong one
// too.
//
// Never changes, apart from what it remembers. A new file is a new object in the place of this one,
// and nothing that was found out about the old file passes over to it.
//
// Time: a login that is not right takes as long whether there is such a user or not. Where the file
// holds hashes, that is the time of the most expensive one, for users without a hash too; so only
// a user whose own hash is cheaper can be told. Digests are compared in constant time, and are all
// that is kept of a password in clear.
//
// Threads: all members from any thread, at once.
class Credentials {
 public:
  enum class Verdict {
    kAllowed,
    kDenied,
    kNeedsHashing,  // verify() tells
  };

  // Wrong logins that are remembered; 32 bytes each.
  static constexpr std::size_t kRejectedMax = 256;

  // Of the text of a credentials file; the error says what is wrong with it.
  static Result<std::shared_ptr<const Credentials>> parse(std::string_view text);
  // Of entries with the same name the last counts, and the others not at all.
  explicit Credentials(const std::vector<UserEntry>& entries);
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  // Takes microseconds.
  [[nodiscard]] Verdict check(const std::optional<Login>& login, Permissions needed) const
      EXCLUDES(mutex_);
  // Whether the request is allowed. Blocks while it hashes, so it is for a thread that serves no
  // connections, and the caller bounds how many requests wait for that.
  [[nodiscard]] bool verify(const std::optional<Login>& login, Permissions needed) const
      EXCLUDES(mutex_);

 private:
  using Digest = KeyedDigest::Digest;

  struct User {
    Permissions permissions;
    std::string hash;  // empty: the password is in clear, or there is none
    Digest digest;     // of the login with the password in clear; otherwise nobody_
  };
  enum class Password { kRight, kWrong, kNotKnown };

  [[nodiscard]] const User* find(std::string_view name) const;
  [[nodiscard]] bool allows(const User& user, Permissions needed) const;
  // What is known about the password of a login with this digest, for `user`, who may be unknown.
  [[nodiscard]] Password judge(const User* user, const Digest& digest) const EXCLUDES(mutex_);
  // Whether the password is that of `user`, who may be unknown, by hashing it. Remembers that.
  [[nodiscard]] bool hash(const User* user, const Login& login) const EXCLUDES(mutex_);
  // Where in rejected_ a digest belongs.
  static std::size_t place(const Digest& digest);

  // Constant after construction.
  const KeyedDigest digest_;
  const Digest nobody_;  // of a login that no client can send
  std::map<std::string, User, std::less<>> users_;
  Permissions everybody_;  // what the user * holds
  std::string stand_in_;   // to hash against where there is no hash; empty: no user has one

  mutable Mutex mutex_;
  // The last right login of each user with a hash.
  mutable std::map<const User*, Digest> accepted_ GUARDED_BY(mutex_);
  // Each at the place that its first byte says, so that a new one costs the memory of one other.
  mutable std::array<Digest, kRejectedMax> rejected_ GUARDED_BY(mutex_);
};

}  // namespace rqlite::http
