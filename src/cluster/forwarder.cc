#include "cluster/forwarder.h"

#include <algorithm>
#include <array>
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

// Takes the answer and gives it to the client: at once if it is small, else as it comes, by a
// thread that may wait for a slow client.
class PassOn final : public net::Receiver, public std::enable_shared_from_this<PassOn> {
 public:
  // Tries again, if that makes sense; false if it does not.
  using Again = std::function<bool(const net::CallEnd&)>;
  PassOn(std::shared_ptr<net::Reply> reply, Forwarder::OnFailure on_failure, Again again)
      : reply_(std::move(reply)), on_failure_(std::move(on_failure)), again_(std::move(again)) {}

  void head(int status, const net::HeaderFields& headers) override {
    response_.status = status;
    for (const std::string_view name : kAnswerHeaders) {
      if (const auto value = net::find_field(headers, name)) {
        response_.headers.emplace_back(name, *value);
      }
    }
    refused_ = net::find_field(headers, kCodeHeader).has_value();
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
    Status status = end.status;
    // The other node does not let this one speak.
    if (status.ok() && refused_) status = {Code::kUnavailable, response_.body};
    if (status.ok()) return reply_->send(std::move(response_));
    if (!again_(end)) reply_->send(on_failure_(status));
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
  net::Response response_;
  bool refused_ = false;
  std::shared_ptr<Stream> stream_;
};

// A request with as many tries as it may have.
struct Attempts : std::enable_shared_from_this<Attempts> {
  net::Client& client;
  net::Call call;
  Forwarder::Limits limits;
  std::shared_ptr<net::Reply> reply;
  Forwarder::OnFailure on_failure;
  int made = 0;

  Attempts(net::Client& with, net::Call what, Forwarder::Limits within,
           std::shared_ptr<net::Reply> to, Forwarder::OnFailure otherwise)
      : client(with),
        call(std::move(what)),
        limits(within),
        reply(std::move(to)),
        on_failure(std::move(otherwise)) {}

  void next() {
    made++;
    client.call(call, std::make_shared<PassOn>(
                          reply, on_failure, [self = shared_from_this()](const net::CallEnd& end) {
                            return self->again(end);
                          }));
  }
  bool again(const net::CallEnd& end) {
    if (end.sent && !limits.may_repeat) return false;
    if (made > limits.attempts) return false;
    // The last one is over a connection that nothing can be wrong with yet.
    call.fresh = made == limits.attempts;
    next();
    return true;
  }
};

}  // namespace

std::string target_of(const net::Request& request) {
  std::string target = escaped(request.path);
  if (!request.raw_query.empty()) target += "?" + request.raw_query;
  return target;
}

void Forwarder::forward(const Target& target, const net::Request& request, Limits limits,
                        std::shared_ptr<net::Reply> reply, OnFailure on_failure) {
  net::Call call{.address = target.address,
                 .method = request.method,
                 .target = std::string(kForwardPath) + target_of(request),
                 .headers = target.headers,
                 .body = request.body,
                 .timeout = limits.timeout};
  for (const std::string_view name : kRequestHeaders) {
    for (const std::string_view value : request.headers->values(name)) {
      call.headers.emplace_back(name, value);
    }
  }
  std::make_shared<Attempts>(client_, std::move(call), limits, std::move(reply),
                             std::move(on_failure))
      ->next();
}

}  // namespace rqlite::cluster
