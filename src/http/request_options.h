#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "http/counters.h"
#include "http/results_json.h"
#include "http/statements_body.h"
#include "net/message.h"

namespace rqlite::http {

// What the data endpoints read from a request's parameters alike.
struct RequestOptions {
  // `to_count_in` must outlive the request.
  RequestOptions(const net::Parameters& parameters, Counters& to_count_in);

  ResultFormat format;
  command::RequestFlags flags;
  bool raft_index;
  TimePoint started;
  std::string_view content_type = net::kJsonType;  // of the results; a constant
  Counters* counters;

  // The envelope of a reply, with the time since the start where it was asked for.
  [[nodiscard]] ResultsJson::Envelope envelope() const;
};

// The request's Idempotency-Key; empty if it has none. The error is the text for the client.
Result<std::string> idempotency_key(const net::Request& request);

// The statements of `request`'s body: its text if it is text/plain, else its JSON list. `key`, if
// not empty, is the request's idempotency key.
Result<ParsedStatements> parse_body(net::Request& request, command::RequestFlags flags,
                                    BytesView key = {});
// The same for a body that can only be a JSON list.
Result<ParsedStatements> parse_json_body(net::Request& request, command::RequestFlags flags,
                                         BytesView key = {});

// What `key` meant for a request that was executed, or not: notes in `response` that it is a
// replay, or replaces it by the refusal of a key that was used for another request.
void note_key(net::Response& response, const command::RequestResult& result);

// A request as a whole failed, which clients are told with status 200.
net::Response failed_request(const RequestOptions& options, const std::string& error);

// Hears, in place of the client, why nothing came of its request, of which nothing has been
// answered yet: it may go better at another node.
using OnRefused = std::function<void(const Status&)>;

// The answer where a leader is needed and none is known; counted.
net::Response leader_not_found(Counters& counters);

// The one place where our codes become HTTP: the answer to a request that the store refused, or
// could not finish.
net::Response refused(const RequestOptions& options, const Status& why);

// `response` with the number of the queued request that it is about.
net::Response with_number(net::Response response, std::uint64_t number);

// The reply to whoever waited for that request until the time was up.
net::Response queue_wait_timeout(std::uint64_t number);

// The reply with `json`'s text and the headers of a success.
net::Response results_response(ResultsJson::Text text, const std::string& served_by);

}  // namespace rqlite::http
