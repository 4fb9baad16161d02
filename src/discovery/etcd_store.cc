#include "discovery/etcd_store.h"

#include <simdjson.h>

#include <optional>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "base/json_members.h"
#include "discovery/config_object.h"

namespace rqlite::discovery {

namespace dom = simdjson::dom;

namespace {

constexpr int kUnauthorized = 401;

std::string base64(BytesView bytes) {
  Bytes text;
  append_base64(text, bytes);
  return text;
}

std::string key_text(const std::string& key) { return base64("/" + key); }

// Whether another server would not say anything else, either.
bool is_decided(const HttpAnswer& answer) { return answer.status < 500 && answer.status != 404; }

// What an answer that is not 200 says went wrong.
std::string reason_in(const HttpAnswer& answer) {
  const Result<ConfigObject> object = ConfigObject::parse(answer.body);
  std::string reason;
  if (object.ok()) {
    for (const char* name : {"message", "error"}) {
      if (reason.empty() && !object->read(name, reason).ok()) reason.clear();
    }
  }
  if (!reason.empty()) return reason;
  if (answer.status == 404) return "there is no gateway for API v3 (etcd 3.4 or later has one)";
  return "HTTP status " + std::to_string(answer.status);
}

Status makes_no_sense() { return {Code::kUnavailable, "etcd's answer makes no sense"}; }

// The value of the only key in the answer to a range request.
Result<std::optional<Bytes>> read_range(BytesView json) {
  dom::parser parser;
  dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS || !root.is_object()) {
    return makes_no_sense();
  }
  dom::array pairs;
  // A field that is empty is left out.
  if (root["kvs"].get_array().get(pairs) != simdjson::SUCCESS || pairs.size() == 0) {
    return std::optional<Bytes>();
  }
  std::string_view text;
  if (pairs.at(0)["value"].get_string().get(text) != simdjson::SUCCESS) {
    return std::optional<Bytes>(Bytes());
  }
  std::optional<Bytes> value = decode_base64(text);
  if (!value) return makes_no_sense();
  return value;
}

Bytes pair_json(const std::string& key, const Bytes& value) {
  JsonMembers pair;
  pair.add("key", key_text(key));
  pair.add("value", base64(value));
  return pair.to_json();
}

// Puts the pair if the key's version is 0, which says that it is not there.
Bytes creation_json(const std::string& key, const Bytes& value) {
  JsonMembers compare;
  compare.add("key", key_text(key));
  compare.add("target", "VERSION");
  compare.add("result", "EQUAL");
  compare.add("version", "0");
  JsonMembers success;
  success.add_json("requestPut", pair_json(key, value));
  JsonMembers transaction;
  transaction.add_json("compare", "[" + compare.to_json() + "]");
  transaction.add_json("success", "[" + success.to_json() + "]");
  return transaction.to_json();
}

}  // namespace

EtcdStore::EtcdStore(EtcdConfig config, HttpCaller& caller)
    : config_(std::move(config)), caller_(caller), token_(config_.token) {}

Result<std::optional<Bytes>> EtcdStore::get(const std::string& key) {
  JsonMembers range;
  range.add("key", key_text(key));
  const Result<Bytes> answer = post("/v3/kv/range", range.to_json());
  if (!answer.ok()) return answer.error();
  return read_range(*answer);
}

Result<bool> EtcdStore::create_if_absent(const std::string& key, const Bytes& value) {
  const Result<Bytes> answer = post("/v3/kv/txn", creation_json(key, value));
  if (!answer.ok()) return answer.error();
  const Result<ConfigObject> object = ConfigObject::parse(*answer);
  bool succeeded = false;
  if (!object.ok() || !object->read("succeeded", succeeded).ok()) return makes_no_sense();
  return succeeded;
}

Status EtcdStore::put(const std::string& key, const Bytes& value) {
  return post("/v3/kv/put", pair_json(key, value)).status();
}

std::string EtcdStore::place(const std::string& key) const {
  return "key /" + key + " of etcd at " + config_.endpoints[current_].address;
}

Result<Bytes> EtcdStore::post(const std::string& path, const Bytes& body) {
  Status first_error;
  for (std::size_t tried = 0; tried < config_.endpoints.size(); tried++) {
    bool is_final = false;
    Result<Bytes> answer = post_to(config_.endpoints[current_], path, body, is_final);
    if (answer.ok() || is_final) return answer;
    if (first_error.ok()) first_error = answer.error();
    current_ = (current_ + 1) % config_.endpoints.size();
  }
  return first_error;
}

Result<Bytes> EtcdStore::post_to(const EtcdConfig::Endpoint& endpoint, const std::string& path,
                                 const Bytes& body, bool& is_final) {
  if (token_.empty()) RETURN_IF_ERROR(log_in(endpoint, is_final));
  Result<HttpAnswer> answer = send(endpoint, path, body);
  const bool may_log_in_again = config_.token.empty() && !config_.username.empty();
  if (answer.ok() && answer->status == kUnauthorized && may_log_in_again) {
    // Tokens end after some minutes without use, or with their server.
    RETURN_IF_ERROR(log_in(endpoint, is_final));
    answer = send(endpoint, path, body);
  }
  if (!answer.ok()) return answer.error();
  if (answer->status == 200) return std::move(answer->body);
  is_final = is_decided(*answer);
  return Status(Code::kUnavailable, "etcd at " + endpoint.address + ": " + reason_in(*answer));
}

Result<HttpAnswer> EtcdStore::send(const EtcdConfig::Endpoint& endpoint, const std::string& path,
                                   const Bytes& body) {
  HttpCall call;
  call.tls = endpoint.tls;
  call.address = endpoint.address;
  call.method = "POST";
  call.target = path;
  call.headers.emplace_back("Content-Type", "application/json");
  if (!token_.empty()) call.headers.emplace_back("Authorization", token_);
  call.body = body;
  return caller_.call(call);
}

Status EtcdStore::log_in(const EtcdConfig::Endpoint& endpoint, bool& is_final) {
  token_ = config_.token;
  if (config_.username.empty() || !token_.empty()) return {};
  JsonMembers user;
  user.add("name", config_.username);
  user.add("password", config_.password);
  const Result<HttpAnswer> answer = send(endpoint, "/v3/auth/authenticate", user.to_json());
  if (!answer.ok()) return answer.error();
  const std::string what =
      "etcd at " + endpoint.address + ": authentication of " + config_.username;
  if (answer->status != 200) {
    is_final = is_decided(*answer);
    return {Code::kUnavailable, what + ": " + reason_in(*answer)};
  }
  const Result<ConfigObject> object = ConfigObject::parse(answer->body);
  std::string token;
  if (!object.ok() || !object->read("token", token).ok() || token.empty() ||
      !net::is_field_value(token)) {
    return makes_no_sense().with_context(what);
  }
  token_ = std::move(token);
  return {};
}

}  // namespace rqlite::discovery
