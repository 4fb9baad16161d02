#include "http/queue_state.h"

#include <charconv>
#include <optional>
#include <utility>

#include "base/duration.h"
#include "http/json_text.h"
#include "http/request_options.h"

namespace rqlite::http {
namespace {

using namespace std::chrono_literals;
using queue::Progress;
using State = store::StreamTable::Verdict::State;

constexpr auto kDefaultTimeout = 30s;

// Somebody asks for one request.
struct Question {
  RequestOptions options;
  std::shared_ptr<net::Reply> reply;
  store::Store* store;
  queue::WriteQueue* queue;
  std::string node_id;
  std::uint64_t number = 0;
  std::uint64_t ticket = 0;  // while it waits; the connection's thread
};

net::Response state_of(const Question& asked, std::string_view state, Bytes results = {}) {
  Bytes json = "{\"sequence_number\":" + std::to_string(asked.number) + ",\"state\":\"";
  json.append(state).append("\"").append(results).append("}");
  if (asked.options.format.pretty) json = indent_json(json);
  return net::Response::json(std::move(json));
}

// The results of a request that failed, as members of the answer.
net::Response failed(const Question& asked, BytesView kept) {
  const std::optional<command::RequestResult> result = command::decode_result(kept);
  if (!result) return net::Response::text(500, "the results of the request cannot be read");
  ResultFormat format = asked.options.format;
  format.pretty = false;
  ResultsJson json(format);
  for (const command::StatementResult& each : result->statements) json.add(each);
  ResultsJson::Envelope envelope;
  envelope.error = result->error;
  ResultsJson::Text text = std::move(json).finish(envelope);
  if (!text.impossible.empty()) return net::Response::text(500, std::move(text.impossible));
  // {"results":[...]} becomes ,"results":[...]
  text.json.front() = ',';
  text.json.pop_back();
  return state_of(asked, "failed", std::move(text.json));
}

// As this node's store knows it; `otherwise`, if it does not.
net::Response verdict(const Question& asked, std::string_view otherwise = "unknown") {
  const store::StreamTable::Verdict verdict = asked.store->verdict(asked.node_id, asked.number);
  switch (verdict.state) {
    case State::kApplied:
      return state_of(asked, "applied");
    case State::kFailed:
      return failed(asked, verdict.result);
    case State::kUnknown:
      break;
  }
  return state_of(asked, otherwise);
}

Progress progress(const Question& asked) {
  // That of another node, or of an earlier start, the queue does not know.
  const bool own = asked.node_id == asked.store->options().node_id;
  return own ? asked.queue->progress(asked.number) : Progress::kUnknown;
}

net::Response answer(const Question& asked) {
  switch (progress(asked)) {
    case Progress::kQueued:
      return state_of(asked, "queued");
    case Progress::kPersisted:
      return state_of(asked, "persisted");
    case Progress::kSettled:
      // The leader has applied it, and this node may not have come to it yet.
      if (asked.store->applied_index() < asked.queue->applied_index()) {
        return verdict(asked, "persisted");
      }
      break;
    case Progress::kUnknown:
      break;
  }
  return verdict(asked);
}

// Once the queue has said so, or goes down.
void answer_settled(const std::shared_ptr<Question>& asked, std::chrono::nanoseconds patience) {
  if (progress(*asked) != Progress::kSettled) return asked->reply->send(answer(*asked));
  asked->store->when_applied(asked->queue->applied_index(), patience, [asked](const Status& here) {
    asked->reply->send(here.ok() ? verdict(*asked) : state_of(*asked, "persisted"));
  });
}

void answer_when_settled(std::shared_ptr<Question> asked, std::chrono::nanoseconds timeout) {
  net::Reply& reply = *asked->reply;
  queue::WriteQueue* queue = asked->queue;
  auto stop_waiting = [queue](const Question& question) {
    if (question.ticket != 0) queue->stop_waiting(question.ticket);
  };
  reply.on_gone([weak = std::weak_ptr(asked), stop_waiting] {
    if (const auto gone = weak.lock()) stop_waiting(*gone);
  });
  reply.send_after(timeout,
                   [weak = std::weak_ptr(asked), stop_waiting]() -> std::optional<net::Response> {
                     const auto waiting = weak.lock();
                     if (!waiting) return std::nullopt;
                     stop_waiting(*waiting);
                     return queue_wait_timeout(waiting->number);
                   });
  // The last one to know of the question, so it is forgotten when it is answered.
  Question& question = *asked;
  const std::shared_ptr<Question> until_asked = asked;
  question.ticket = queue->when_settled(
      question.number, [asked = std::move(asked), timeout] { answer_settled(asked, timeout); });
}

net::Response whole_queue(const net::Request& request, queue::WriteQueue& queue) {
  const queue::WriteQueue::Report report = queue.report();
  JsonTree tree = queue_figures(report, queue.limits());
  tree["capacity"] = JsonTree::number(queue.limits().capacity);
  tree["waiting_for_room"] = JsonTree::number(report.waiting_for_room);
  tree["accepted"] = JsonTree::number(report.accepted);
  tree["persisted"] = JsonTree::number(report.persisted);
  tree["oldest_age"] = JsonTree::text(format_duration(report.oldest_age));
  Bytes json = tree.to_json();
  if (request.parameters.has("pretty")) json = indent_json(json);
  return net::Response::json(std::move(json));
}

}  // namespace

JsonTree queue_figures(const queue::WriteQueue::Report& report,
                       const queue::Batcher::Limits& limits) {
  JsonTree tree;
  tree["batch_size"] = JsonTree::number(limits.batch_size);
  tree["max_bytes"] = JsonTree::number(limits.bytes_max);
  tree["timeout"] = JsonTree::text(format_duration(limits.timeout));
  tree["depth"] = JsonTree::number(report.depth);
  tree["bytes"] = JsonTree::number(report.bytes);
  tree["in_flight"] = JsonTree::number(report.in_flight);
  tree["applied"] = JsonTree::number(report.applied);
  tree["failed_requests"] = JsonTree::number(report.failed_requests);
  return tree;
}

void queue_state(net::Request& request, std::shared_ptr<net::Reply> reply, store::Store* store,
                 queue::WriteQueue* queue, Counters& counters) {
  if (store == nullptr) return reply->send(net::Response::text(503, "store not open"));
  const net::Parameters& parameters = request.parameters;
  if (!parameters.has("sequence_number")) return reply->send(whole_queue(request, *queue));
  const std::string_view text = parameters.text("sequence_number", "");
  auto asked = std::make_shared<Question>(
      Question{RequestOptions(parameters, counters), std::move(reply), store, queue,
               std::string(parameters.text("node", store->options().node_id))});
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), asked->number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return asked->reply->send(net::Response::text(400, "sequence_number is not a number"));
  }
  const bool own = asked->node_id == store->options().node_id;
  if (own && parameters.has("wait")) {
    return answer_when_settled(std::move(asked), parameters.duration("timeout", kDefaultTimeout));
  }
  asked->reply->send(answer(*asked));
}

}  // namespace rqlite::http
