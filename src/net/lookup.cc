#include "net/lookup.h"

#include <netdb.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/thread.h"
#include "net/error_text.h"

namespace rqlite::net {

namespace asio = boost::asio;

namespace {

Lookup::Found ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) return {{}, lookup_error_text(error)};
  Lookup::Found found;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
    asio::ip::tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), each->ai_addr, each->ai_addrlen);
    endpoint.resize(each->ai_addrlen);
    found.addresses.push_back(endpoint.address());
  }
  ::freeaddrinfo(list);
  if (found.addresses.empty()) found.error = lookup_error_text(EAI_NONAME);
  return found;
}

}  // namespace

// Where threads leave their answers, as long as anybody wants them.
struct Lookup::Mailbox {
  static void put(const std::shared_ptr<Mailbox>& mailbox, const std::string& host, Found found) {
    MutexLock lock(mailbox->mutex);
    if (mailbox->owner == nullptr) return;
    // Under the lock, so that neither the owner nor its thread is gone meanwhile.
    asio::post(mailbox->io, [mailbox, host, found = std::move(found)] {
      if (Lookup* owner = mailbox->whose()) owner->answer(host, found);
    });
  }

  // On the owner's thread it stays true what this says.
  Lookup* whose() {
    MutexLock lock(mutex);
    return owner;
  }

  Mailbox(asio::io_context& of_owner, Lookup* its_owner) : io(of_owner), owner(its_owner) {}
  asio::io_context& io;  // there as long as the owner is
  Mutex mutex;
  Lookup* owner GUARDED_BY(mutex);
};

Lookup::Lookup(asio::io_context& io, Ask ask)
    : ask_(ask ? std::move(ask) : ask_system), mailbox_(std::make_shared<Mailbox>(io, this)) {}

Lookup::~Lookup() {
  MutexLock lock(mailbox_->mutex);
  mailbox_->owner = nullptr;
}

void Lookup::find(const std::string& host, Then then) {
  std::vector<Then>& waiters = asking_[host];
  waiters.push_back(std::move(then));
  if (waiters.size() > 1) return;
  if (asking_.size() - waiting_.size() > kAtOnceMax) {
    waiting_.push_back(host);
  } else {
    begin(host);
  }
}

void Lookup::begin(const std::string& host) {
  std::optional<Thread> thread = Thread::try_start(
      "lookup", [mailbox = mailbox_, ask = ask_, host] { Mailbox::put(mailbox, host, ask(host)); });
  if (!thread) return Mailbox::put(mailbox_, host, {{}, "there is no room for another thread"});
  thread->detach();
}

void Lookup::answer(const std::string& host, const Found& found) {
  const auto asked = asking_.find(host);
  const std::vector<Then> waiters = std::move(asked->second);
  asking_.erase(asked);
  if (!waiting_.empty()) {
    const std::string next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(next);
  }
  for (const Then& then : waiters) then(found);
}

}  // namespace rqlite::net
