#include "discovery/consul_tls.h"

#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace rqlite::discovery {
namespace {

std::string absolute(const std::string& path) {
  if (path.empty()) return path;
  std::error_code error;
  const std::filesystem::path result = std::filesystem::absolute(path, error);
  return error ? path : result.string();
}

// All certificates in the directory's files, one after the other. What else is there is left out.
Result<Bytes> read_directory(const std::string& path, FileSystem& files) {
  const Result<std::vector<std::string>> names = files.list(path);
  if (!names.ok()) return names.error();
  Bytes all;
  for (const std::string& name : *names) {
    const std::string each = path + "/" + name;
    const Result<FileSystem::Kind> kind = files.kind(each);
    if (!kind.ok() || *kind != FileSystem::Kind::kFile) continue;
    const Result<Bytes> text = files.read_file(each);
    if (!text.ok()) return text.error();
    if (text->find("-----BEGIN CERTIFICATE-----") == Bytes::npos) continue;
    all += *text + "\n";
  }
  if (all.empty()) return Status(Code::kInvalid, "there is no certificate in " + path);
  return all;
}

}  // namespace

Result<net::TlsDialer::Options> dialer_options(const ConsulConfig::Tls& tls, FileSystem& files,
                                               PemFiles& pem) {
  net::TlsDialer::Options options;
  options.component = "disco";
  options.verify_server = tls.verify_server;
  options.server_name = tls.server_name;

  options.ca_file = absolute(tls.ca_file);
  if (options.ca_file.empty() && !tls.ca_pem.empty()) {
    options.ca_file = "ca_pem";
    pem.add(options.ca_file, tls.ca_pem);
  }
  if (options.ca_file.empty() && !tls.ca_path.empty()) {
    Result<Bytes> all = read_directory(absolute(tls.ca_path), files);
    if (!all.ok()) return all.error().with_context("ca_path");
    options.ca_file = "ca_path";
    pem.add(options.ca_file, *std::move(all));
  }

  options.certificate_file = absolute(tls.cert_file);
  options.key_file = absolute(tls.key_file);
  if (!tls.cert_pem.empty()) {
    options.certificate_file = "cert_pem";
    options.key_file = "key_pem";
    pem.add(options.certificate_file, tls.cert_pem);
    pem.add(options.key_file, tls.key_pem);
  }
  return options;
}

}  // namespace rqlite::discovery
