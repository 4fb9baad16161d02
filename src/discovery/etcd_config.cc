#include "discovery/etcd_config.h"

#include <string_view>
#include <utility>

#include "discovery/config_object.h"
#include "net/header_fields.h"
#include "net/host_port.h"

namespace rqlite::discovery {
namespace {

Status invalid(std::string text) { return {Code::kInvalid, std::move(text)}; }

Result<EtcdConfig::Endpoint> parse_endpoint(const std::string& text) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  EtcdConfig::Endpoint endpoint{text.starts_with(kHttps), text};
  if (endpoint.tls) endpoint.address.erase(0, kHttps.size());
  if (text.starts_with(kHttp)) endpoint.address.erase(0, kHttp.size());
  if (endpoint.address.ends_with('/')) endpoint.address.pop_back();
  const Result<net::HostPort> parsed = net::HostPort::parse(endpoint.address);
  if (!parsed.ok()) return parsed.error().with_context("endpoint " + text);
  return endpoint;
}

// Each with the type that etcd's own client wants it to have.
Status read_those_without_effect(const ConfigObject& object, std::vector<std::string>& given) {
  for (const char* name :
       {"auto-sync-interval", "dial-keep-alive-time", "dial-keep-alive-timeout",
        "max-unary-retries", "backoff-wait-between", "MaxCallSendMsgSize", "MaxCallRecvMsgSize"}) {
    std::int64_t value = 0;
    RETURN_IF_ERROR(object.read(name, value));
    if (value != 0) given.emplace_back(name);
  }
  for (const char* name : {"reject-old-cluster", "permit-without-stream"}) {
    bool value = false;
    RETURN_IF_ERROR(object.read(name, value));
    if (value) given.emplace_back(name);
  }
  double jitter = 0;
  RETURN_IF_ERROR(object.read("backoff-jitter-fraction", jitter));
  if (jitter != 0) given.emplace_back("backoff-jitter-fraction");
  return {};
}

}  // namespace

Result<EtcdConfig> EtcdConfig::parse(BytesView json) {
  const Result<ConfigObject> object = ConfigObject::parse(json);
  if (!object.ok()) return object.error();
  EtcdConfig config;
  std::vector<std::string> endpoints{"localhost:2379"};
  std::int64_t dial_timeout_ns = 0;
  RETURN_IF_ERROR(object->read("endpoints", endpoints));
  RETURN_IF_ERROR(object->read("dial-timeout", dial_timeout_ns));
  RETURN_IF_ERROR(object->read("username", config.username));
  RETURN_IF_ERROR(object->read("password", config.password));
  RETURN_IF_ERROR(object->read("token", config.token));
  RETURN_IF_ERROR(read_those_without_effect(*object, config.without_effect));

  if (endpoints.empty()) return invalid("endpoints is empty");
  config.endpoints.clear();
  for (const std::string& text : endpoints) {
    Result<Endpoint> endpoint = parse_endpoint(text);
    if (!endpoint.ok()) return endpoint.error();
    config.endpoints.push_back(*std::move(endpoint));
  }
  if (dial_timeout_ns < 0) return invalid("dial-timeout is negative");
  if (dial_timeout_ns > 0) config.dial_timeout = Nanos(dial_timeout_ns);
  if (config.username.empty() != config.password.empty()) {
    return invalid(config.username.empty() ? "password without username"
                                           : "username without password");
  }
  if (!net::is_field_value(config.token)) return invalid("token is no token");
  return config;
}

}  // namespace rqlite::discovery
