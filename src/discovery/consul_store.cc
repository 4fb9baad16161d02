#include "discovery/consul_store.h"

#include <string_view>
#include <utility>

#include "base/base64.h"
#include "base/line_end.h"

namespace rqlite::discovery {
namespace {

constexpr std::size_t kReasonBytesMax = 200;

// Percent-encodes what may not stand in a path or query as it is; slashes stay.
std::string encoded(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      result += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    result += '%';
    result += kDigits[byte >> 4];
    result += kDigits[byte & 15];
  }
  return result;
}

}  // namespace

ConsulStore::ConsulStore(ConsulConfig config, HttpCaller& caller)
    : config_(std::move(config)), caller_(caller) {}

Result<std::optional<Bytes>> ConsulStore::get(const std::string& key) {
  Result<HttpAnswer> answer = caller_.call(call_for(target(key, "raw&consistent")));
  if (!answer.ok()) return answer.error();
  if (answer->status == 404) return std::optional<Bytes>();
  if (answer->status != 200) return refusal(*answer);
  return std::optional<Bytes>(std::move(answer->body));
}

Result<bool> ConsulStore::create_if_absent(const std::string& key, const Bytes& value) {
  return write(target(key, "cas=0"), value);
}

Status ConsulStore::put(const std::string& key, const Bytes& value) {
  const Result<bool> done = write(target(key, ""), value);
  if (!done.ok()) return done.error();
  if (!*done)
    return {Code::kUnavailable, "Consul at " + config_.address + " did not store the key"};
  return {};
}

std::string ConsulStore::place(const std::string& key) const {
  return "key " + key + " of Consul at " + config_.address;
}

std::string ConsulStore::target(const std::string& key, const std::string& query) const {
  std::string result = config_.path_prefix + "/v1/kv/" + encoded(key);
  char separator = '?';
  auto add = [&](const std::string& parameter) {
    result += std::exchange(separator, '&') + parameter;
  };
  if (!query.empty()) add(query);
  if (!config_.datacenter.empty()) add("dc=" + encoded(config_.datacenter));
  if (!config_.name_space.empty()) add("ns=" + encoded(config_.name_space));
  if (!config_.partition.empty()) add("partition=" + encoded(config_.partition));
  return result;
}

HttpCall ConsulStore::call_for(const std::string& target) const {
  HttpCall call;
  call.tls = config_.use_tls;
  call.address = config_.address;
  call.target = target;
  if (!config_.token.empty()) call.headers.emplace_back("X-Consul-Token", config_.token);
  if (!config_.username.empty()) {
    Bytes login = "Basic ";
    append_base64(login, config_.username + ":" + config_.password);
    call.headers.emplace_back("Authorization", std::move(login));
  }
  return call;
}

Result<bool> ConsulStore::write(const std::string& target, const Bytes& value) {
  HttpCall call = call_for(target);
  call.method = "PUT";
  call.body = value;
  const Result<HttpAnswer> answer = caller_.call(call);
  if (!answer.ok()) return answer.error();
  if (answer->status != 200) return refusal(*answer);
  return without_line_end(answer->body) == "true";
}

Status ConsulStore::refusal(const HttpAnswer& answer) const {
  std::string reason = without_line_end(answer.body.substr(0, kReasonBytesMax));
  if (reason.empty()) reason = "no reason given";
  return {Code::kUnavailable, "Consul at " + config_.address + ": HTTP status " +
                                  std::to_string(answer.status) + ": " + reason};
}

}  // namespace rqlite::discovery
