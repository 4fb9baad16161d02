#include <atomic>
#include <utility>

#include "http/execute.h"
#include "http/request_options.h"

namespace rqlite::http {
namespace {

using namespace std::chrono_literals;

constexpr auto kDefaultTimeout = 30s;

// What a queued write needs to be answered, whenever that is.
struct Pending {
  Pending(const RequestOptions& request_options, const net::Parameters& parameters,
          std::shared_ptr<net::Reply> to)
      : options(request_options),
        reply(std::move(to)),
        wait(parameters.has("wait")),
        all_results(parameters.has("results")),
        timeout(parameters.duration("timeout", kDefaultTimeout)) {}

  const RequestOptions options;
  const std::shared_ptr<net::Reply> reply;
  const bool wait;
  const bool all_results;  // also when nothing failed
  const std::chrono::nanoseconds timeout;
  std::atomic<std::uint64_t> number{0};  // once the queue has taken the request
  std::atomic<bool> late{false};         // the time is up
  std::uint64_t ticket = 0;              // while it waits for room; the connection's thread
};

// The request has its number, and somebody waits for its verdict.
void note_waiting(const Pending& pending) {
  pending.options.counters->add(Counter::kQueuedExecutionsWait);
}

net::Response too_late(const Pending& pending, std::uint64_t number) {
  pending.options.counters->add(Counter::kQueuedExecutionsWaitTimeout);
  return queue_wait_timeout(number);
}

net::Response accepted(const Pending& pending, std::uint64_t number) {
  ResultsJson::Envelope envelope = pending.options.envelope();
  envelope.sequence_number = number;
  return with_number(net::Response::json(ResultsJson(pending.options.format).finish(envelope).json),
                     number);
}

// The reply to a request that the queue did not take. A node that stops is one to come back to.
net::Response not_taken(const RequestOptions& options, const Status& why) {
  if (why.code() != Code::kUnavailable) return refused(options, why);
  net::Response response = net::Response::text(503, why.text());
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

// The reply to a request whose verdict is known.
class VerdictReply final : public net::ResponseMaker {
 public:
  VerdictReply(RequestOptions options, bool all_results, std::uint64_t number, raft::Index index,
               command::RequestResult result)
      : options_(options),
        all_results_(all_results),
        number_(number),
        index_(index),
        result_(std::move(result)) {}

  net::Response make() override {
    ResultsJson json(options_.format);
    ResultsJson::Envelope envelope = options_.envelope();
    envelope.sequence_number = number_;
    envelope.error = result_.error;
    if (options_.raft_index) envelope.raft_index = index_.value();
    if (all_results_ || !result_.ok()) {
      for (const command::StatementResult& each : result_.statements) json.add(each);
    }
    ResultsJson::Text text = std::move(json).finish(envelope);
    net::Response response = text.impossible.empty()
                                 ? net::Response::json(std::move(text.json))
                                 : net::Response::text(500, std::move(text.impossible));
    note_key(response, result_);
    return with_number(std::move(response), number_);
  }

 private:
  const RequestOptions options_;
  const bool all_results_;
  const std::uint64_t number_;
  const raft::Index index_;
  const command::RequestResult result_;
};

class Verdict final : public queue::Waiter {
 public:
  explicit Verdict(std::shared_ptr<Pending> pending) : pending_(std::move(pending)) {}

  void applied(std::uint64_t number, raft::Index index, command::RequestResult result) override {
    pending_->reply->send(std::make_unique<VerdictReply>(pending_->options, pending_->all_results,
                                                         number, index, std::move(result)));
  }
  void failed(std::uint64_t number, const Status& why) override {
    pending_->reply->send(with_number(refused(pending_->options, why), number));
  }

 private:
  const std::shared_ptr<Pending> pending_;
};

// Waits for room in the queue.
class Room final : public queue::RoomWaiter {
 public:
  explicit Room(std::shared_ptr<Pending> pending) : pending_(std::move(pending)) {}

  std::unique_ptr<queue::Waiter> accepted(std::uint64_t number) override {
    if (pending_->wait) {
      note_waiting(*pending_);
      pending_->number = number;
      // In this order: whoever comes second, this or the timer, sees the other.
      if (!pending_->late) return std::make_unique<Verdict>(pending_);
      pending_->reply->send(too_late(*pending_, number));
      return nullptr;
    }
    pending_->reply->send(http::accepted(*pending_, number));
    return nullptr;
  }
  void refused(const Status& why) override {
    pending_->reply->send(not_taken(pending_->options, why));
  }

 private:
  const std::shared_ptr<Pending> pending_;
};

// Whether the body asks for nothing but its place in the order: `[]` or `null`.
bool is_checkpoint(const net::Request& request, const Result<ParsedStatements>& parsed) {
  if (parsed.ok()) return parsed->statements == 0;
  constexpr const char* kBlanks = " \t\r\n";
  const std::string_view body = request.body;
  const std::size_t start = body.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return false;
  return body.substr(start, body.find_last_not_of(kBlanks) - start + 1) == "null";
}

void refuse_for_want_of_leader(const Pending& pending) {
  pending.reply->send(refused(pending.options, {Code::kNoLeader, "leader not found"}));
}

// On the connection's thread.
void push(const std::shared_ptr<Pending>& pending, Bytes encoded, queue::WriteQueue& queue,
          const Clock& clock) {
  // Whoever goes away gives up the place for which it waits; what was accepted is executed.
  pending->reply->on_gone([weak = std::weak_ptr(pending), &queue] {
    const auto gone = weak.lock();
    if (gone && gone->ticket != 0) queue.stop_waiting(gone->ticket);
  });
  std::unique_ptr<queue::Waiter> waiter;
  if (pending->wait) {
    waiter = std::make_unique<Verdict>(pending);
    // Before the queue has it. Without a number it is the queue that says when time is up.
    pending->reply->send_after(pending->timeout, [weak = std::weak_ptr(pending)] {
      const auto waiting = weak.lock();
      if (!waiting) return std::optional<net::Response>();
      waiting->late = true;
      const std::uint64_t number = waiting->number;
      return number == 0 ? std::nullopt : std::optional(too_late(*waiting, number));
    });
  }
  const Result<std::uint64_t> number = queue.push(encoded, waiter);
  if (number.ok()) {
    pending->number = *number;
    if (pending->wait) {
      note_waiting(*pending);
    } else {
      pending->reply->send(accepted(*pending, *number));
    }
  } else if (number.error().code() == Code::kFull) {
    pending->ticket = queue.push_when_room(std::move(encoded), std::make_unique<Room>(pending),
                                           later(clock.now(), pending->timeout));
  } else {
    pending->reply->send(not_taken(pending->options, number.error()));
  }
}

}  // namespace

void execute_queued(net::Request& request, std::shared_ptr<net::Reply> reply, QueueMeans means,
                    bool atomic) {
  const auto [store, queue, cluster, clock, counters] = means;
  const net::Parameters& parameters = request.parameters;
  RequestOptions options(parameters, counters);
  options.flags.transaction = options.flags.transaction || atomic;
  const bool wait = parameters.has("wait");
  counters.add(Counter::kQueuedExecutions);
  const Result<std::string> key = idempotency_key(request);
  if (!key.ok()) return reply->send(net::Response::text(400, key.error().text()));
  Result<ParsedStatements> parsed = parse_body(request, options.flags, *key);
  Bytes encoded;
  if (is_checkpoint(request, parsed)) {
    if (!wait) {
      return reply->send(
          net::Response::text(400, parsed.ok() ? "no statements" : parsed.error().text()));
    }
  } else if (!parsed.ok()) {
    return reply->send(net::Response::text(400, parsed.error().text()));
  } else if (!parsed->forbidden.empty()) {
    return reply->send(failed_request(options, parsed->forbidden));
  } else {
    encoded = std::move(parsed->encoded);
  }
  if (store == nullptr) return reply->send(net::Response::text(503, "store not open"));

  auto pending = std::make_shared<Pending>(options, parameters, std::move(reply));
  if (parameters.has("noleader") || store->may_write().code() != Code::kNoLeader) {
    return push(pending, std::move(encoded), *queue, clock);
  }
  if (cluster == nullptr) return refuse_for_want_of_leader(*pending);
  // While the members elect one, this waits as all writes do. Nothing is promised until then.
  auto then = [pending, encoded, queue, &clock](bool is_there) {
    pending->reply->post([=, &clock] {
      if (!is_there) return refuse_for_want_of_leader(*pending);
      push(pending, encoded, *queue, clock);
    });
  };
  cluster->errands().await_leader(std::move(then));
}

}  // namespace rqlite::http
