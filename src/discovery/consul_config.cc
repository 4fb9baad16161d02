#include "discovery/consul_config.h"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/base64.h"
#include "discovery/config_object.h"
#include "net/header_fields.h"
#include "net/host_port.h"

namespace rqlite::discovery {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

Status invalid(std::string text) { return {Code::kInvalid, std::move(text)}; }

bool starts_with_http_in_any_case(std::string_view text) {
  constexpr std::string_view kHttp = "http";
  if (text.size() < kHttp.size()) return false;
  for (std::size_t i = 0; i < kHttp.size(); i++) {
    if ((text[i] | 0x20) != kHttp[i]) return false;
  }
  return true;
}

// As Consul's variables say it: what Go takes for a boolean.
Result<bool> parse_bool(const std::string& name, const std::string& text) {
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return invalid(name + " is neither true nor false");
}

// Puts the value of a variable where nothing is yet.
void fill(std::string& to, const Environment& environment, const char* name) {
  if (to.empty()) to = environment(name).value_or("");
}

Result<bool> flag(const Environment& environment, const char* name, bool otherwise) {
  const std::optional<std::string> text = environment(name);
  if (!text || text->empty()) return otherwise;
  return parse_bool(name, *text);
}

// A PEM text in base64, which people break into lines.
Status decode_pem(std::string_view name, std::string& text) {
  std::string without_breaks;
  for (const char c : text) {
    if (kBlanks.find(c) == std::string_view::npos) without_breaks += c;
  }
  std::optional<Bytes> pem = decode_base64(without_breaks);
  if (!pem) return invalid(std::string(name) + " is not base64");
  text = *std::move(pem);
  return {};
}

Status read_tls(const ConfigObject& object, ConsulConfig::Tls& tls) {
  bool skip_verify = false;
  RETURN_IF_ERROR(object.read("address", tls.server_name));
  RETURN_IF_ERROR(object.read("ca_file", tls.ca_file));
  RETURN_IF_ERROR(object.read("ca_path", tls.ca_path));
  RETURN_IF_ERROR(object.read("ca_pem", tls.ca_pem));
  RETURN_IF_ERROR(object.read("cert_file", tls.cert_file));
  RETURN_IF_ERROR(object.read("cert_pem", tls.cert_pem));
  RETURN_IF_ERROR(object.read("key_file", tls.key_file));
  RETURN_IF_ERROR(object.read("key_pem", tls.key_pem));
  RETURN_IF_ERROR(object.read("insecure_skip_verify", skip_verify));
  RETURN_IF_ERROR(decode_pem("ca_pem", tls.ca_pem));
  RETURN_IF_ERROR(decode_pem("cert_pem", tls.cert_pem));
  RETURN_IF_ERROR(decode_pem("key_pem", tls.key_pem));
  tls.verify_server = !skip_verify;
  return {};
}

Status fill_tls(const Environment& environment, ConsulConfig::Tls& tls) {
  fill(tls.server_name, environment, "CONSUL_TLS_SERVER_NAME");
  if (tls.ca_pem.empty() && tls.ca_path.empty()) fill(tls.ca_file, environment, "CONSUL_CACERT");
  if (tls.ca_pem.empty() && tls.ca_file.empty()) fill(tls.ca_path, environment, "CONSUL_CAPATH");
  if (tls.cert_pem.empty()) fill(tls.cert_file, environment, "CONSUL_CLIENT_CERT");
  if (tls.key_pem.empty()) fill(tls.key_file, environment, "CONSUL_CLIENT_KEY");
  const Result<bool> verify = flag(environment, "CONSUL_HTTP_SSL_VERIFY", true);
  if (!verify.ok()) return verify.error();
  if (!*verify) tls.verify_server = false;

  // A name is asked for, as certificates have it: the port is of no use.
  if (const Result<net::HostPort> parts = net::HostPort::parse(tls.server_name); parts.ok()) {
    tls.server_name = parts->host;
  }
  if (tls.cert_pem.empty() != tls.key_pem.empty()) {
    return invalid("either both cert_pem and key_pem must be set, or neither");
  }
  if (tls.cert_file.empty() != tls.key_file.empty()) {
    return invalid("either both cert_file and key_file must be set, or neither");
  }
  return {};
}

// What CONSUL_HTTP_ADDR says, which may have a scheme, and a path.
Status read_address(const std::string& text, ConsulConfig& config, std::string& scheme) {
  std::string_view rest = text;
  if (const std::size_t colon = rest.find("://"); colon != std::string_view::npos) {
    const std::string_view its_scheme = rest.substr(0, colon);
    if (its_scheme == "https" && scheme.empty()) scheme = its_scheme;
    if (its_scheme != "https" && its_scheme != "http") {
      return invalid("addresses that begin with " + std::string(its_scheme) +
                     ":// are not supported");
    }
    rest.remove_prefix(colon + 3);
  }
  const std::size_t slash = rest.find('/');
  config.address = rest.substr(0, slash);
  if (slash != std::string_view::npos) config.path_prefix = rest.substr(slash);
  while (config.path_prefix.ends_with('/')) config.path_prefix.pop_back();
  return {};
}

Status check_address(const ConsulConfig& config) {
  const Result<net::HostPort> parsed = net::HostPort::parse(config.address);
  if (!parsed.ok()) return parsed.error();
  for (const char c : config.path_prefix) {
    if (c <= ' ' || c >= 0x7f || c == '?' || c == '#') {
      return invalid("the path " + config.path_prefix + " cannot be part of a request");
    }
  }
  return {};
}

Status read_token_file(const std::string& name, FileSystem& files, std::string& token) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(name, error);
  if (error) return invalid("token_file " + name + " cannot be read");
  const Result<Bytes> text = files.read_file(path.string());
  if (!text.ok()) return text.error().with_context("token_file");
  const std::size_t start = text->find_first_not_of(kBlanks);
  if (start == std::string::npos) return {};
  token = text->substr(start, text->find_last_not_of(kBlanks) - start + 1);
  return {};
}

Status fill_token(std::string token_file, const Environment& environment, FileSystem& files,
                  std::string& token) {
  if (token.empty()) {
    fill(token_file, environment, "CONSUL_HTTP_TOKEN_FILE");
    if (token_file.empty()) fill(token, environment, "CONSUL_HTTP_TOKEN");
  }
  // A file that is named and holds something counts more than a token that stands beside it.
  if (!token_file.empty()) RETURN_IF_ERROR(read_token_file(token_file, files, token));
  if (!net::is_field_value(token)) return invalid("the token cannot be part of a request");
  return {};
}

void fill_login(const Environment& environment, ConsulConfig& config) {
  if (!config.username.empty()) return;
  const std::string login = environment("CONSUL_HTTP_AUTH").value_or("");
  const std::size_t colon = login.find(':');
  config.username = login.substr(0, colon);
  config.password = colon == std::string::npos ? "" : login.substr(colon + 1);
}

}  // namespace

Result<ConsulConfig> ConsulConfig::parse(BytesView json, const Environment& environment,
                                         FileSystem& files) {
  const Result<ConfigObject> object = ConfigObject::parse(json);
  if (!object.ok()) return object.error();
  const Result<ConfigObject> login = object->object("basic_auth");
  if (!login.ok()) return login.error();
  const Result<ConfigObject> tls = object->object("tls_config");
  if (!tls.ok()) return tls.error();

  ConsulConfig config;
  std::string address;
  std::string scheme;
  std::string token_file;
  RETURN_IF_ERROR(object->read("address", address));
  RETURN_IF_ERROR(object->read("scheme", scheme));
  RETURN_IF_ERROR(object->read("datacenter", config.datacenter));
  RETURN_IF_ERROR(object->read("namespace", config.name_space));
  RETURN_IF_ERROR(object->read("partition", config.partition));
  RETURN_IF_ERROR(object->read("token", config.token));
  RETURN_IF_ERROR(object->read("token_file", token_file));
  RETURN_IF_ERROR(login->read("username", config.username));
  RETURN_IF_ERROR(login->read("password", config.password));
  if (const Status status = read_tls(*tls, config.tls); !status.ok()) {
    return status.with_context("tls_config");
  }

  if (starts_with_http_in_any_case(address)) {
    return invalid("address should not contain HTTP or HTTPS");
  }
  fill(address, environment, "CONSUL_HTTP_ADDR");
  if (!address.empty()) RETURN_IF_ERROR(read_address(address, config, scheme));
  const Result<bool> wants_tls = flag(environment, "CONSUL_HTTP_SSL", false);
  if (!wants_tls.ok()) return wants_tls.error();
  if (scheme.empty()) scheme = *wants_tls ? "https" : "http";
  if (scheme != "http" && scheme != "https") return invalid("scheme is neither http nor https");
  config.use_tls = scheme == "https";
  RETURN_IF_ERROR(check_address(config));

  fill(config.name_space, environment, "CONSUL_NAMESPACE");
  fill(config.partition, environment, "CONSUL_PARTITION");
  RETURN_IF_ERROR(fill_token(std::move(token_file), environment, files, config.token));
  fill_login(environment, config);
  if (const Status status = fill_tls(environment, config.tls); !status.ok()) {
    return status.with_context("tls_config");
  }
  return config;
}

}  // namespace rqlite::discovery
