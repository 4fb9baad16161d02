#include "http/request_options.h"

#include <algorithm>
#include <utility>

namespace rqlite::http {

RequestOptions::RequestOptions(const net::Parameters& parameters, Counters& to_count_in)
    : format{.associative = parameters.has("associative"),
             .blob_array = parameters.has("blob_array"),
             .pretty = parameters.has("pretty")},
      flags{.transaction = parameters.has("transaction"), .timings = parameters.has("timings")},
      raft_index(parameters.has("raft_index")),
      started(std::chrono::steady_clock::now()),
      counters(&to_count_in) {}

ResultsJson::Envelope RequestOptions::envelope() const {
  ResultsJson::Envelope envelope;
  if (flags.timings) {
    envelope.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  }
  return envelope;
}

Result<std::string> idempotency_key(const net::Request& request) {
  constexpr std::size_t kBytesMax = 255;
  const std::vector<std::string_view> values = request.headers->values("Idempotency-Key");
  if (values.empty()) return std::string();
  const std::string_view key = values.front();
  const bool printable =
      std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 127; });
  if (values.size() > 1 || key.empty() || key.size() > kBytesMax || !printable) {
    return Status(Code::kInvalid, "the Idempotency-Key must be 1 to 255 visible ASCII characters");
  }
  return std::string(key);
}

void note_key(net::Response& response, const command::RequestResult& result) {
  using Key = command::RequestResult::Key;
  if (result.key == Key::kReused) response = net::Response::text(422, result.error);
  if (result.key == Key::kReplayed) response.headers.emplace_back("Idempotency-Replayed", "true");
}

Result<ParsedStatements> parse_body(net::Request& request, command::RequestFlags flags,
                                    BytesView key) {
  if (request.content_type.starts_with("text/plain")) {
    return StatementsParser::of_text(request.body, flags, key);
  }
  return parse_json_body(request, flags, key);
}

Result<ParsedStatements> parse_json_body(net::Request& request, command::RequestFlags flags,
                                         BytesView key) {
  // Keeps its buffers, so each thread has its own.
  thread_local StatementsParser parser;
  return parser.parse_json(request.body, flags, key);
}

net::Response failed_request(const RequestOptions& options, const std::string& error) {
  ResultsJson::Envelope envelope = options.envelope();
  envelope.error = error;
  return net::Response::json(ResultsJson(options.format).finish(envelope).json);
}

net::Response leader_not_found(Counters& counters) {
  counters.add(Counter::kLeaderNotFound);
  return net::Response::text(503, "leader not found");
}

net::Response refused(const RequestOptions& options, const Status& why) {
  switch (why.code()) {
    case Code::kNoLeader:
      return leader_not_found(*options.counters);
    case Code::kFull: {
      net::Response response = net::Response::text(503, why.text());
      response.headers.emplace_back("Retry-After", "1");
      return response;
    }
    case Code::kTooLarge:
      return net::Response::text(413, why.text());
    case Code::kOk:
    case Code::kInvalid:
    case Code::kNotLeader:
    case Code::kUnavailable:
    case Code::kDiskFull:
    case Code::kDeadline:
    case Code::kUnknown:
    case Code::kFailed:
      break;
  }
  return failed_request(options, why.text());
}

net::Response with_number(net::Response response, std::uint64_t number) {
  response.headers.emplace_back("X-Rqlite-Sequence-Number", std::to_string(number));
  return response;
}

net::Response queue_wait_timeout(std::uint64_t number) {
  return with_number(net::Response::text(408, "queue wait timeout"), number);
}

net::Response results_response(ResultsJson::Text text, const std::string& served_by) {
  net::Response response = text.impossible.empty()
                               ? net::Response::json(std::move(text.json))
                               : net::Response::text(500, std::move(text.impossible));
  response.headers.emplace_back("X-Rqlite-Served-By", served_by);
  return response;
}

}  // namespace rqlite::http
