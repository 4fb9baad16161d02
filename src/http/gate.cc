#include "http/gate.h"

#include <utility>

namespace rqlite::http {

Gate::Gate(std::shared_ptr<const Credentials> credentials)
    : has_file_(credentials != nullptr), credentials_(std::move(credentials)) {
  if (has_file_) hasher_ = std::make_unique<Worker>("http-hasher");
}

Gate::~Gate() { close(); }

void Gate::replace(std::shared_ptr<const Credentials> credentials) {
  const MutexLock lock(mutex_);
  credentials_.swap(credentials);
}

Credentials::Verdict Gate::check(const std::optional<Login>& login, Permissions needed) const {
  if (!has_file_) return Credentials::Verdict::kAllowed;
  std::shared_ptr<const Credentials> credentials;
  {
    const MutexLock lock(mutex_);
    credentials = credentials_;
  }
  return credentials->check(login, needed);
}

bool Gate::verify(std::optional<Login> login, Permissions needed, std::function<void(bool)> then) {
  const MutexLock lock(mutex_);
  if (!hasher_ || hashing_ >= kHashingMax) return false;
  hashing_++;
  hasher_->post([this, login = std::move(login), needed, then = std::move(then)] {
    verify_here(login, needed, then);
  });
  return true;
}

void Gate::verify_here(const std::optional<Login>& login, Permissions needed,
                       const std::function<void(bool)>& then) {
  std::shared_ptr<const Credentials> credentials;
  {
    const MutexLock lock(mutex_);
    hashing_--;
    if (!hasher_) return;
    credentials = credentials_;
  }
  then(credentials->verify(login, needed));
}

void Gate::close() {
  std::unique_ptr<Worker> hasher;
  {
    const MutexLock lock(mutex_);
    hasher.swap(hasher_);
  }
  // Whatever still waits finds the gate closed.
}

}  // namespace rqlite::http
