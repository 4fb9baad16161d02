#include "cluster/forwarder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/thread.h"
#include "cluster/peer_protocol.h"

namespace rqlite::cluster {
namespace {

// What of a client's request means something to whoever answers it.
constexpr std::array<std::string_view, 5> kRequestHeaders = {
    "Authorization", "Content-Type", "Idempotency-Key", "Accept", "Accept-Encoding"};
// And of an answer to whoever gets it; what every answer of this node has comes from here.
constexpr std::array<std::string_view, 8> kAnswerHeaders = {
    "Content-Type",     "X-Rqlite-Served-By",  "X-Rqlite-Sequence-Number", "Retry-After",
    "Content-Encoding", "Content-Disposition", "Idempotency-Replayed",     "Location"};
// More of a body than this goes through while it comes.
constexpr std::size_t kCollectedBytes = 256 << 10;

constexpr std::string_view kHex = "0123456789ABCDEF";

// The path as it may stand in a request line.
std::string escaped(std::string_view path) {
  std::string text;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~/").find(c) != std::string_view::npos;
    if (plain) {
      text += c;
    } else {
      text += '%';
      text += kHex[static_cast<unsigned char>(c) >> 4];
      text += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return text;
}

Status why_unanswered(const net::CallEnd& end) {
  const Code code = end.status.code();
  // Time that was up here is none that the other node had.
  if (code != Code::kUnknown && code != Code::kDeadline) return end.status;
  if (end.whole) return {Code::kUnknown, end.status.text()};
  // A request of which something is missing is not looked at.
  const Status missing(Code::kUnavailable, end.status.text());
  return end.sent ? missing.with_context("not all of the request was sent") : missing;
}

// Whether every copy of a request gets that answer, or had it from the state machine. That this
// node refuses a login, or has no room for one more, says nothing about another time.
bool is_about_all_copies(int status) { return status == 200 || status == 400; }

// Takes the answer and gives it to the client: at once if it is small, else as it comes, by a
// thread that may wait for a slow client.
class PassOn final : public net::Receiver, public std::enable_shared_from_this<PassOn> {
 public:
  // Tries again, if that makes sense; false if it does not.
  using Again = std::function<bool(const net::CallEnd&)>;
  PassOn(std::shared_ptr<net::Reply> reply, Forwarder::OnFailure on_failure, Again again,
         std::function<bool()> is_in_doubt)
      : reply_(std::move(reply)),
        on_failure_(std::move(on_failure)),
        again_(std::move(again)),
        is_in_doubt_(std::move(is_in_doubt)) {}

  void head(int status, const net::HeaderFields& headers) override {
    response_.status = status;
    for (const std::string_view name : kAnswerHeaders) {
      if (const auto value = net::find_field(headers, name)) {
        response_.headers.emplace_back(name, *value);
      }
    }
    if (net::find_field(headers, kCodeHeader)) failure_headers_ = headers;
  }

  void piece(Bytes piece, Resume resume) override {
    if (!stream_ && response_.body.size() + piece.size() <= kCollectedBytes) {
      response_.body += piece;
      return resume();
    }
    if (!stream_) stream_ = std::make_shared<Stream>(reply_->begin(std::exchange(response_, {})));
    stream_->write(std::move(piece), std::move(resume));
  }

  void finished(const net::CallEnd& end) override {
    if (stream_) return stream_->end(end.status.ok());
    if (end.status.ok() && failure_headers_) {
      return on_failure_(failure_of_leader(response_.status, *failure_headers_, response_.body));
    }
    if (end.status.ok() && !is_about_all_copies(response_.status) && is_in_doubt_ &&
        is_in_doubt_()) {
      return on_failure_({Code::kUnavailable, message_in(response_.body)});
    }
    if (end.status.ok()) return reply_->send(std::move(response_));
    if (again_(end)) return;
    on_failure_(why_unanswered(end));
  }

 private:
  // The rest of an answer on its way to a client who may be slow.
  class Stream : public std::enable_shared_from_this<Stream> {
   public:
    explicit Stream(std::unique_ptr<net::BodyStream> body) : body_(std::move(body)) {}

    void write(Bytes piece, Resume resume) {
      bool start = false;
      {
        MutexLock lock(mutex_);
        piece_ = std::move(piece);
        resume_ = std::move(resume);
        start = !std::exchange(started_, true);
      }
      changed_.notify_one();
      if (start) Thread("forward", [self = shared_from_this()] { self->run(); }).detach();
    }
    void end(bool whole) {
      {
        MutexLock lock(mutex_);
        ended_ = true;
        whole_ = whole;
      }
      changed_.notify_one();
    }

   private:
    void run() {
      while (true) {
        Bytes piece;
        Resume resume;
        {
          MutexLock lock(mutex_);
          while (!resume_ && !ended_) changed_.wait(mutex_);
          if (!resume_) break;
          piece = std::move(piece_);
          resume = std::exchange(resume_, nullptr);
        }
        // A client that is gone leaves the rest to be read and dropped.
        (void)body_->write(piece);
        resume();
      }
      MutexLock lock(mutex_);
      // Without its end, the client knows that something is missing.
      if (whole_) body_->finish();
      body_.reset();
    }

    Mutex mutex_;
    CondVar changed_;
    std::unique_ptr<net::BodyStream> body_;
    bool started_ GUARDED_BY(mutex_) = false;
    Bytes piece_ GUARDED_BY(mutex_);
    Resume resume_ GUARDED_BY(mutex_);
    bool ended_ GUARDED_BY(mutex_) = false;
    bool whole_ GUARDED_BY(mutex_) = false;
  };

  const std::shared_ptr<net::Reply> reply_;
  const Forwarder::OnFailure on_failure_;
  const Again again_;
  const std::function<bool()> is_in_doubt_;
  net::Response response_;
  std::optional<net::HeaderFields> failure_headers_;  // of an answer that is for this node
  std::shared_ptr<Stream> stream_;
};

// A request with as many tries as it may have.
class Attempts : public std::enable_shared_from_this<Attempts> {
 public:
  Attempts(net::Client& client, const Clock& clock, net::Call call, Forwarder::Limits limits,
           std::shared_ptr<net::Reply> reply, Forwarder::OnFailure on_failure)
      : client_(client),
        clock_(clock),
        ends_(later(clock.now(), limits.timeout)),
        again_until_(std::min(ends_, later(clock.now(), limits.within))),
        call_(std::move(call)),
        limits_(limits),
        reply_(std::move(reply)),
        on_failure_(std::move(on_failure)) {}

  void next() EXCLUDES(mutex_) {
    int mine = 0;
    {
      MutexLock lock(mutex_);
      mine = ++made_;
    }
    auto repeat = [self = shared_from_this()](const net::CallEnd& end) { return self->again(end); };
    const net::CallHandle handle = client_.call(
        call_, std::make_shared<PassOn>(reply_, on_failure_, repeat, limits_.is_in_doubt));
    MutexLock lock(mutex_);
    if (given_up_) handle.give_up();
    // It may have ended, and the next have begun.
    if (made_ == mine) handle_ = handle;
  }
  void give_up() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    given_up_ = true;
    handle_.give_up();
  }

 private:
  bool again(const net::CallEnd& end) EXCLUDES(mutex_) {
    if (end.sent && !limits_.may_repeat) return false;
    const TimePoint now = clock_.now();
    if (now >= again_until_) return false;
    {
      MutexLock lock(mutex_);
      if (given_up_ || made_ > limits_.attempts) return false;
      // The last one is over a connection that nothing can be wrong with yet.
      call_.fresh = made_ == limits_.attempts;
    }
    call_.timeout = call_.connect_timeout = ends_ - now;
    if (limits_.on_again) limits_.on_again(why_unanswered(end));
    next();
    return true;
  }

  net::Client& client_;
  const Clock& clock_;
  const TimePoint ends_;         // the time of all tries
  const TimePoint again_until_;  // no try begins any more
  net::Call call_;
  const Forwarder::Limits limits_;
  const std::shared_ptr<net::Reply> reply_;
  const Forwarder::OnFailure on_failure_;

  Mutex mutex_;
  int made_ GUARDED_BY(mutex_) = 0;
  bool given_up_ GUARDED_BY(mutex_) = false;
  net::CallHandle handle_ GUARDED_BY(mutex_);  // of the last one
};

}  // namespace

std::string target_of(const net::Request& request) {
  std::string target = escaped(request.path);
  if (!request.raw_query.empty()) target += "?" + request.raw_query;
  return target;
}

net::CallHandle Forwarder::forward(const Target& target, const net::Request& request, Limits limits,
                                   std::shared_ptr<net::Reply> reply, OnFailure on_failure) {
  net::Call call{.address = target.address,
                 .method = request.method,
                 .target = std::string(kForwardPath) + target_of(request),
                 .headers = target.headers,
                 .body = limits.body ? Bytes() : request.body,
                 .source = limits.body,
                 .timeout = limits.timeout,
                 .connect_timeout = limits.timeout,
                 .fresh = limits.body != nullptr};
  if (limits.body) limits.may_repeat = false;
  for (const std::string_view name : kRequestHeaders) {
    for (const std::string_view value : request.headers->values(name)) {
      call.headers.emplace_back(name, value);
    }
  }
  auto attempts = std::make_shared<Attempts>(client_, clock_, std::move(call), limits,
                                             std::move(reply), std::move(on_failure));
  attempts->next();
  // Weak: what is under way holds them.
  return net::CallHandle([weak = std::weak_ptr(attempts)] {
    if (const auto alive = weak.lock()) alive->give_up();
  });
}

}  // namespace rqlite::cluster
