#include "discovery/dns_config.h"

#include "discovery/config_object.h"

namespace rqlite::discovery {
namespace {

Status check_name(const std::string& what, const std::string& name) {
  if (name.empty()) return {Code::kInvalid, what + " is empty"};
  if (name.find('\0') != std::string::npos) return {Code::kInvalid, what + " is no name"};
  return {};
}

}  // namespace

Result<DnsConfig> DnsConfig::parse(BytesView json, std::uint16_t default_port) {
  const Result<ConfigObject> object = ConfigObject::parse(json);
  if (!object.ok()) return object.error();
  DnsConfig config;
  std::int64_t port = default_port;
  RETURN_IF_ERROR(object->read("name", config.name));
  RETURN_IF_ERROR(object->read("port", port));
  RETURN_IF_ERROR(check_name("name", config.name));
  if (port < 1 || port > UINT16_MAX) {
    return Status(Code::kInvalid, "port " + std::to_string(port) + " is not from 1 to 65535");
  }
  config.port = static_cast<std::uint16_t>(port);
  return config;
}

Result<SrvConfig> SrvConfig::parse(BytesView json) {
  const Result<ConfigObject> object = ConfigObject::parse(json);
  if (!object.ok()) return object.error();
  SrvConfig config;
  RETURN_IF_ERROR(object->read("name", config.name));
  RETURN_IF_ERROR(object->read("service", config.service));
  RETURN_IF_ERROR(check_name("name", config.name));
  RETURN_IF_ERROR(check_name("service", config.service));
  return config;
}

std::string SrvConfig::dns_name() const { return "_" + service + "._tcp." + name; }

}  // namespace rqlite::discovery
