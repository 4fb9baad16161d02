#include "http/credentials.h"

#include <algorithm>
#include <utility>

#include "http/bcrypt.h"

namespace rqlite::http {

Result<std::shared_ptr<const Credentials>> Credentials::parse(std::string_view text) {
  const Result<std::vector<UserEntry>> entries = parse_credentials_file(text);
  if (!entries.ok()) return entries.error();
  return std::make_shared<const Credentials>(*entries);
}

Credentials::Credentials(const std::vector<UserEntry>& entries) : nobody_(digest_.of(Login())) {
  for (const UserEntry& entry : entries) {
    User user{entry.permissions, {}, nobody_};
    if (entry.password && bcrypt_cost(*entry.password) != 0) {
      user.hash = *entry.password;
    } else if (entry.password) {
      user.digest = digest_.of({entry.user, *entry.password});
    }
    users_.insert_or_assign(entry.user, std::move(user));
  }

  int cost = 0;
  for (const auto& [name, user] : users_) cost = std::max(cost, bcrypt_cost(user.hash));
  if (cost != 0) stand_in_ = bcrypt_stand_in(cost);
  if (const User* everybody = find("*")) everybody_ = everybody->permissions;
  rejected_.fill(nobody_);
}

Credentials::Verdict Credentials::check(const std::optional<Login>& login,
                                        Permissions needed) const {
  if (needed.without(everybody_).empty()) return Verdict::kAllowed;
  // The empty name is nobody's, and its login with the empty password is what nobody_ stands for.
  if (!login || login->user.empty()) return Verdict::kDenied;

  const User* user = find(login->user);
  switch (judge(user, digest_.of(*login))) {
    // Rights count only now: a quicker no to those who lack them would tell who is a user.
    case Password::kRight:
      return allows(*user, needed) ? Verdict::kAllowed : Verdict::kDenied;
    case Password::kWrong:
      return Verdict::kDenied;
    case Password::kNotKnown:
      break;
  }
  return Verdict::kNeedsHashing;
}

bool Credentials::verify(const std::optional<Login>& login, Permissions needed) const {
  // Known by now, perhaps, because another request with the same login went before.
  const Verdict known = check(login, needed);
  if (known != Verdict::kNeedsHashing) return known == Verdict::kAllowed;

  const User* user = find(login->user);
  return hash(user, *login) && allows(*user, needed);
}

const Credentials::User* Credentials::find(std::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : &found->second;
}

bool Credentials::allows(const User& user, Permissions needed) const {
  return needed.without(everybody_).without(user.permissions).empty();
}

Credentials::Password Credentials::judge(const User* user, const Digest& digest) const {
  const bool right_in_clear = KeyedDigest::equal(digest, user == nullptr ? nobody_ : user->digest);
  if (right_in_clear) return Password::kRight;
  if (stand_in_.empty()) return Password::kWrong;

  const MutexLock lock(mutex_);
  const auto accepted = accepted_.find(user);
  if (accepted != accepted_.end() && KeyedDigest::equal(digest, accepted->second)) {
    return Password::kRight;
  }
  return KeyedDigest::equal(digest, rejected_[place(digest)]) ? Password::kWrong
                                                              : Password::kNotKnown;
}

bool Credentials::hash(const User* user, const Login& login) const {
  const bool has_hash = user != nullptr && !user->hash.empty();
  const bool matches = bcrypt_matches(has_hash ? user->hash : stand_in_, login.password);
  const bool right = has_hash && matches;

  const Digest digest = digest_.of(login);
  const MutexLock lock(mutex_);
  (right ? accepted_[user] : rejected_[place(digest)]) = digest;
  return right;
}

std::size_t Credentials::place(const Digest& digest) {
  static_assert(kRejectedMax == 256);
  return digest[0];
}

}  // namespace rqlite::http
