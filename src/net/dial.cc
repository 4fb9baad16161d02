#include "net/dial.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <utility>

#include "net/error_text.h"

namespace rqlite::net {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

// An address gets at least so much of the time, however many there are.
constexpr auto kShareMin = 2s;

}  // namespace

Dial::Dial(const Means& means, std::string address, std::chrono::nanoseconds timeout, Then then)
    : means_(means),
      address_(std::move(address)),
      timeout_(timeout),
      then_(std::move(then)),
      timer_(means.io) {}

void Dial::start() {
  deadline_ = later(std::chrono::steady_clock::now(), timeout_);
  Result<HostPort> target = HostPort::parse(address_);
  if (!target.ok()) return fail(Code::kInvalid, "dial tcp: " + target.error().text());
  target_ = *std::move(target);
  Error not_a_number;
  const auto number = asio::ip::make_address(target_->host, not_a_number);
  if (!not_a_number) return on_found({{number}, ""});
  set_deadline(deadline_);
  means_.lookup.find(target_->host, [weak = weak_from_this()](const Lookup::Found& found) {
    const auto self = weak.lock();
    if (self && self->then_) self->on_found(found);
  });
}

void Dial::on_found(const Lookup::Found& found) {
  if (found.addresses.empty()) {
    return fail(Code::kUnavailable, "dial tcp: lookup " + target_->host + ": " + found.error);
  }
  for (const auto& address : found.addresses) endpoints_.emplace_back(address, target_->port);
  try_next();
}

void Dial::try_next() {
  if (next_ == endpoints_.size()) return fail(Code::kUnavailable, first_error_);
  const TimePoint now = std::chrono::steady_clock::now();
  const auto share = (deadline_ - now) / static_cast<int>(endpoints_.size() - next_);
  set_deadline(std::min(deadline_, later(now, std::max<Nanos>(share, kShareMin))));
  const Endpoint& to = endpoints_[next_];
  tcp_.emplace(means_.io);
  tcp_->async_connect(to, [self = shared_from_this(), at = next_](const Error& error) {
    // It may have been given up, or taken too long, when it was about to say so.
    if (self->then_ && self->next_ == at) self->on_connected(error);
  });
}

void Dial::on_connected(const Error& error) {
  const Endpoint to = endpoints_[next_++];
  if (error) {
    if (first_error_.empty()) {
      first_error_ = "dial tcp " + text_of(to) + ": " +
                     (error == asio::error::timed_out ? std::string(kTimeoutText)
                                                      : "connect: " + text_of(error));
    }
    return try_next();
  }
  Error gone;
  link_ = std::make_unique<Link>();
  link_->between = text_of(tcp_->local_endpoint(gone)) + "->" + text_of(to);
  link_->socket = std::make_unique<Socket>(*std::move(tcp_));
  link_->socket->send_without_delay();
  if (means_.tls == nullptr) return end(std::move(link_));
  set_deadline(deadline_);
  Socket& socket = *link_->socket;
  socket.async_handshake(means_.tls->new_session(socket.native_handle(), target_->host),
                         [self = shared_from_this()](const Error& failed, std::size_t) {
                           if (self->then_) self->on_handshake(failed);
                         });
}

void Dial::on_handshake(const Error& error) {
  if (!error) return end(std::move(link_));
  if (error == asio::error::connection_aborted) {
    return fail(Code::kUnavailable, link_->socket->tls_failure());
  }
  fail(Code::kUnavailable,
       "read tcp " + link_->between + ": " +
           (error == asio::error::timed_out ? std::string(kTimeoutText) : text_of(error)));
}

void Dial::set_deadline(TimePoint deadline) {
  timer_.expires_at(deadline);
  timer_.async_wait([weak = weak_from_this()](const Error& cancelled) {
    const auto self = cancelled ? nullptr : weak.lock();
    // One that was about to be called may have been overtaken by a later deadline.
    if (self && self->then_ && std::chrono::steady_clock::now() >= self->timer_.expiry()) {
      self->on_timeout();
    }
  });
}

void Dial::on_timeout() {
  if (endpoints_.empty()) {
    return fail(Code::kUnavailable,
                "dial tcp: lookup " + target_->host + ": " + std::string(kTimeoutText));
  }
  if (link_) return on_handshake(asio::error::timed_out);
  on_connected(asio::error::timed_out);
}

void Dial::fail(Code code, const std::string& why) { end(Status(code, why)); }

void Dial::give_up() {
  then_ = nullptr;
  timer_.cancel();
  tcp_.reset();
  // The handshake that is under way ends, and lets go of us and the link.
  if (link_) link_->socket->close();
}

void Dial::end(Result<std::unique_ptr<Link>> outcome) {
  const Then then = std::exchange(then_, nullptr);
  give_up();
  then(std::move(outcome));
}

}  // namespace rqlite::net
