#include "rqlited/options.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/file_system.h"
#include "base/flags.h"

namespace rqlite::rqlited {
namespace {

constexpr const char* kAbout =
    "\n"
    "rqlited is a relational database server: SQLite, replicated by Raft, served over HTTP.\n"
    "\n"
    "The API and the flags are those of rqlite: see https://www.rqlite.io\n"
    "\n"
    "Usage: rqlited [flags] <data directory>\n";

// Flags of rqlite that this server does not have yet. They are refused by name: one that is
// ignored would be found out too late.
constexpr const char* kNotBuilt[] = {
    "auto-backup",
    "auto-restore",
    "cdc-config",
};

void declare(Flags& flags, Options& options) {
  flags.add("version", &options.version, "Show version information and exit");
  flags.add("node-id", &options.node_id,
            "Permanent identity of this node in its cluster. If not set, the advertised Raft "
            "address");
  flags.add("http-addr", &options.http_addr, "HTTP API address to bind, host:port");
  flags.add("http-adv-addr", &options.http_adv_addr,
            "HTTP API address told to clients. If not set, the one that is bound");
  flags.add("http-allow-origin", &options.http_allow_origin,
            "Value of the header Access-Control-Allow-Origin. If not set, there is none");
  flags.add("auth", &options.auth,
            "Path of the file that says who may do what. If not set, everybody may do everything");
  flags.add("http-cert", &options.http_cert,
            "PEM file with the certificate of the HTTP API. With -http-key, the API is HTTPS");
  flags.add("http-key", &options.http_key, "PEM file with the private key of -http-cert");
  flags.add("http-ca-cert", &options.http_ca_cert,
            "PEM file with the CAs of clients' certificates. If not set, the system's");
  flags.add("http-verify-client", &options.http_verify_client,
            "Refuse HTTPS clients without a good certificate");
  flags.add("http-verify-common-name", &options.http_verify_common_name,
            "Common name that the certificate of a HTTPS client must have");
  flags.add("raft-addr", &options.raft_addr, "Raft address to bind, host:port");
  flags.add("raft-adv-addr", &options.raft_adv_addr,
            "Raft address told to other nodes. If not set, the one that is bound");
  flags.add("node-cert", &options.node_cert,
            "PEM file with the certificate for connections between nodes. With -node-key, all of "
            "them are TLS");
  flags.add("node-key", &options.node_key, "PEM file with the private key of -node-cert");
  flags.add("node-ca-cert", &options.node_ca_cert,
            "PEM file with the CAs of other nodes' certificates. If not set, the system's");
  flags.add("node-no-verify", &options.node_no_verify,
            "Speak to nodes whose certificates are not good");
  flags.add("node-verify-client", &options.node_verify_client,
            "Refuse nodes that call without a good certificate");
  flags.add("node-verify-server-name", &options.node_verify_server_name,
            "Name that other nodes' certificates must be for. If not set, the host that is called");
  flags.add("node-verify-common-name", &options.node_verify_common_name,
            "Common name that the certificate of a node that calls must have");
  flags.add("join", &options.join_text,
            "Raft addresses of members of the cluster to join, host:port, separated by commas");
  flags.add("join-attempts", &options.join_attempts,
            "How often to try to join, with every address each time");
  flags.add("join-interval", &options.join_interval, "Time between two tries to join");
  flags.add("join-as", &options.join_as,
            "User of this node's own -auth file, as whom it asks to join");
  flags.add("compress-snap-transport", &options.compress_snap_transport,
            "Compress snapshots on their way to and from this node");
  flags.add("cluster-connect-timeout", &options.cluster_connect_timeout,
            "Longest time to connect to another node");
  flags.add("raft-non-voter", &options.raft_non_voter,
            "Join as a copy that serves reads and has no vote");
  flags.add(
      "bootstrap-expect", &options.bootstrap_expect,
      "Nodes that found a cluster together, with the same -join or -disco-mode dns or dns-srv "
      "on each; 0 means that the cluster is there");
  flags.add("bootstrap-expect-timeout", &options.bootstrap_expect_timeout,
            "Longest time to get into a cluster with -bootstrap-expect or -disco-mode dns or "
            "dns-srv");
  flags.add("disco-mode", &options.disco_mode,
            "How nodes find each other: consul-kv, etcd-kv, dns or dns-srv. If not set, they do "
            "not");
  flags.add("disco-key", &options.disco_key,
            "Key of this cluster in Consul or etcd, which hold those of several");
  flags.add("disco-config", &options.disco_config,
            "Settings of -disco-mode: JSON, or the path of a file with it. If not set, the "
            "defaults");
  flags.add("fk", &options.foreign_keys, "Enable SQLite foreign key constraints");
  flags.add("db-max-ro-conns", &options.read_connections_max,
            "Most reads at the same time; 0 means no limit");
  flags.add(
      "auto-vacuum-int", &options.auto_vacuum_int,
      "Least time between two runs of VACUUM by itself, which holds up writes; 0 means never");
  flags.add("auto-optimize-int", &options.auto_optimize_int,
            "Least time between two looks for tables to ANALYZE; 0 means never");
  flags.add("extensions-path", &options.extensions_path,
            "SQLite extensions to load: libraries, directories of them, and flat zip or tar.gz "
            "archives, separated by commas");
  flags.add("write-queue-capacity", &options.queue_capacity,
            "Queued requests that may wait; further ones wait for room");
  flags.add("write-queue-batch-size", &options.queue_batch_size,
            "Queued requests that leave at once");
  flags.add("write-queue-max-bytes", &options.queue_bytes_max,
            "Bytes of queued requests that may wait, and the largest request");
  flags.add("write-queue-timeout", &options.queue_timeout,
            "Longest time a queued request waits for company; 0 means until there is enough");
  flags.add("write-queue-tx", &options.queue_tx, "Run every queued request as a transaction");
  flags.add("write-queue-drain-timeout", &options.queue_drain_timeout,
            "Longest time a stop waits for queued requests to be stored");
  flags.add("raft-log-level", &options.raft_log_level,
            "Least important Raft messages to log: ERROR, WARN, INFO or DEBUG");
  flags.add("raft-snap", &options.raft_snap,
            "Log entries since the last snapshot that start one; 0 means 8192");
  flags.add("raft-snap-wal-size", &options.raft_snap_wal_size,
            "Bytes of SQLite's WAL that start a snapshot; 0 means never");
  flags.add(
      "raft-snap-int", &options.raft_snap_int,
      "Time between checks for a snapshot; 0 means 2m0s, and none because of -raft-snap-wal-size");
  flags.add("raft-heartbeat-timeout", &options.raft_heartbeat_timeout,
            "Time without a leader before an election; 0 means 1s");
  flags.add("raft-election-timeout", &options.raft_election_timeout,
            "Time before a candidate tries again; 0 means 1s");
  flags.add("raft-leader-lease-timeout", &options.raft_leader_lease_timeout,
            "Time without a majority before a leader steps down; 0 means 500ms");
  flags.add("raft-commit-timeout", &options.raft_commit_timeout,
            "Longest time, at most twice, until followers hear what is committed; 0 means 50ms");
  flags.add("raft-apply-timeout", &options.raft_apply_timeout,
            "Longest time until a write is on its way into the log; 0 means no limit");
  flags.add("raft-shutdown-stepdown", &options.raft_shutdown_stepdown,
            "Hand leadership over before a clean stop");
  flags.add("raft-remove-shutdown", &options.raft_remove_shutdown,
            "Stop Raft, not the process, when this node is removed while it leads");
  flags.add("raft-cluster-remove-shutdown", &options.raft_cluster_remove_shutdown,
            "Have this node removed from its cluster before a clean stop");
  flags.add("raft-reap-node-timeout", &options.raft_reap_node_timeout,
            "Time after which a voter that cannot be reached is removed. If not set, never");
  flags.add("raft-reap-read-only-node-timeout", &options.raft_reap_read_only_node_timeout,
            "The same for nodes without a vote");
  flags.add("cpu-profile", &options.cpu_profile,
            "File for a table of the threads' processor time, written at a clean stop");
  flags.add("mem-profile", &options.mem_profile,
            "File for what the memory allocator says of itself, written at a clean stop");
  flags.add("trace-profile", &options.trace_profile,
            "File for all metrics, written at a clean stop");
  for (const char* name : kNotBuilt) flags.refuse(name);
  // Of older versions of rqlite.
  flags.refuse("on-disk-path",
               "is not supported: the database is the file db.sqlite in the data directory");
}

// "host:port", "[v6]:port" or ":port".
bool split_address(const std::string& address, std::string& host, std::string& port) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return false;
  host = address.substr(0, colon);
  port = address.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos || host.find('[') != std::string::npos ||
             host.find(']') != std::string::npos) {
    return false;
  }
  return true;
}

bool is_port(const std::string& text) {
  unsigned port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return !text.empty() && error == std::errc() && stop == end && port <= 65535;
}

bool is_unspecified(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

// Whether it is one line, whatever is sent behind it.
bool is_header_value(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool begins_with_http(std::string text) {
  text.resize(std::min<std::size_t>(text.size(), 4));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return static_cast<char>(c | 0x20); });
  return text == "http";
}

// So many fit what a node keeps of a founding.
constexpr std::int64_t kFoundersMax = 256;

std::optional<std::string> validate_discovery(const Options& options) {
  if (options.disco_mode.empty()) return std::nullopt;
  if (!options.join_text.empty()) {
    return "disco mode cannot be used when also explicitly joining a cluster";
  }
  const std::optional<discovery::DiscoMode> mode = options.disco();
  if (!mode) return "disco mode must be one of consul-kv, etcd-kv, dns, or dns-srv";
  if (discovery::has_key(*mode)) {
    if (options.bootstrap_expect > 0) {
      return "bootstrapping not applicable when using " + options.disco_mode;
    }
    if (options.disco_key.empty()) return "-disco-key must not be empty";
  } else if (options.bootstrap_expect == 0 && !options.raft_non_voter) {
    return "bootstrap-expect value required when using " + options.disco_mode +
           " with a voting node";
  }
  return std::nullopt;
}

// A time after which a node is removed is left out where none is to be.
std::optional<std::string> validate_reap_times(const Flags& flags, const Options& options) {
  const std::pair<const char*, Options::Duration> times[] = {
      {"raft-reap-node-timeout", options.raft_reap_node_timeout},
      {"raft-reap-read-only-node-timeout", options.raft_reap_read_only_node_timeout}};
  for (const auto& [name, time] : times) {
    if (flags.was_given(name) && time <= Options::Duration::zero()) {
      return "-" + std::string(name) + " must be greater than 0";
    }
  }
  return std::nullopt;
}

// The first thing that is wrong, in the order in which users know it.
std::optional<std::string> validate(const Options& options) {
  std::string host;
  std::string port;
  if (options.data_directory.empty()) return "data directory path is required";
  for (const std::string& path : options.extensions()) {
    const Result<FileSystem::Kind> kind = posix_file_system().kind(path);
    if (kind.ok() && *kind == FileSystem::Kind::kNothing) {
      return "extension path does not exist: " + path;
    }
  }
  if (options.http_cert.empty() != options.http_key.empty()) {
    return "either both -http-cert and -http-key must be set, or neither";
  }
  if (options.node_cert.empty() != options.node_key.empty()) {
    return "either both -node-cert and -node-key must be set, or neither";
  }
  if (!options.http_verify_common_name.empty() && !options.http_verify_client) {
    return "-http-verify-common-name requires -http-verify-client";
  }
  if (!options.node_verify_common_name.empty() && !options.node_verify_client) {
    return "-node-verify-common-name requires -node-verify-client";
  }
  if (options.raft_addr == options.http_addr) return "HTTP and Raft addresses must differ";
  if (begins_with_http(options.http_addr) || begins_with_http(options.http_adv_addr)) {
    return "HTTP options should not include protocol (http:// or https://)";
  }
  if (!split_address(options.http_addr, host, port)) return "HTTP bind address not valid";
  if (!split_address(options.http_adv_addr, host, port)) {
    return "HTTP advertised HTTP address not valid";
  }
  // It is part of headers.
  if (!is_header_value(options.http_adv_addr)) return "HTTP advertised HTTP address not valid";
  if (is_unspecified(host)) {
    return "advertised HTTP address is not routable (" + host +
           "), specify it via -http-addr or -http-adv-addr";
  }
  if (!split_address(options.raft_addr, host, port)) return "raft bind address not valid";
  if (!is_port(port)) return "raft bind port not valid";
  if (!split_address(options.raft_adv_addr, host, port)) return "raft advertised address not valid";
  if (is_unspecified(host)) {
    return "advertised Raft address is not routable (" + host +
           "), specify it via -raft-addr or -raft-adv-addr";
  }
  if (!is_port(port)) return "raft advertised port is not valid";
  if (options.http_adv_addr == options.raft_adv_addr) {
    return "advertised HTTP and Raft addresses must differ";
  }
  if (options.bootstrap_expect > 0 && options.raft_non_voter) {
    return "bootstrapping only applicable to voting nodes";
  }
  for (const std::string& address : options.join()) {
    if (!split_address(address, host, port)) return address + " is an invalid join address";
    if (options.bootstrap_expect == 0 &&
        (address == options.raft_adv_addr || address == options.raft_addr)) {
      return "node cannot join with itself unless bootstrapping";
    }
  }
  if (std::optional<std::string> wrong = validate_discovery(options)) return wrong;
  if (options.bootstrap_expect < 0) return "-bootstrap-expect must not be negative";
  if (options.bootstrap_expect > kFoundersMax) {
    return "-bootstrap-expect must not be more than " + std::to_string(kFoundersMax);
  }
  if (options.bootstrap_expect_timeout <= Options::Duration::zero()) {
    return "-bootstrap-expect-timeout must be greater than 0";
  }
  if (!is_header_value(options.raft_adv_addr)) return "raft advertised address not valid";
  if (options.node_cert.empty() && (!options.node_ca_cert.empty() || options.node_verify_client)) {
    return "-node-ca-cert and -node-verify-client require -node-cert and -node-key";
  }
  if (options.join_attempts < 1) return "-join-attempts must be greater than 0";
  if (options.join_interval < Options::Duration::zero()) {
    return "-join-interval must not be negative";
  }
  if (options.cluster_connect_timeout <= Options::Duration::zero()) {
    return "-cluster-connect-timeout must be greater than 0";
  }
  if (!is_header_value(options.http_allow_origin)) {
    return "-http-allow-origin must not hold control characters";
  }
  if (options.queue_capacity < 1) return "-write-queue-capacity must be greater than 0";
  if (options.queue_batch_size < 1) return "-write-queue-batch-size must be greater than 0";
  if (options.queue_bytes_max < 1) return "-write-queue-max-bytes must be greater than 0";
  if (options.queue_timeout < Options::Duration::zero()) {
    return "-write-queue-timeout must not be negative";
  }
  if (options.queue_drain_timeout < Options::Duration::zero()) {
    return "-write-queue-drain-timeout must not be negative";
  }
  if (options.auto_vacuum_int < Options::Duration::zero()) {
    return "-auto-vacuum-int must not be negative";
  }
  if (options.auto_optimize_int < Options::Duration::zero()) {
    return "-auto-optimize-int must not be negative";
  }
  if (options.read_connections_max < 0) return "-db-max-ro-conns must not be negative";
  if (options.raft_apply_timeout < Options::Duration::zero()) {
    return "-raft-apply-timeout must not be negative";
  }
  return std::nullopt;
}

std::string trimmed(const std::string& text) {
  constexpr const char* kBlanks = " \t\r\n\v\f";
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string::npos) return "";
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

CommandLine exit_with(int code, std::string output) {
  CommandLine line;
  line.output = std::move(output);
  line.exit_code = code;
  return line;
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::string& version_line) {
  CommandLine line;
  Options& options = line.options;
  Flags flags;
  declare(flags, options);
  const Flags::Parsed parsed = flags.parse(arguments);
  switch (parsed.outcome) {
    case Flags::Outcome::kHelp:
      return exit_with(0, kAbout + flags.usage());
    case Flags::Outcome::kError:
      return exit_with(2, parsed.error + "\n" + kAbout + flags.usage());
    case Flags::Outcome::kRefused:
      return exit_with(1, "fatal: " + parsed.error + "\n");
    case Flags::Outcome::kOk:
      break;
  }
  if (options.version) return exit_with(0, version_line + "\n");
  if (const std::optional<std::string> wrong = validate_reap_times(flags, options)) {
    return exit_with(1, "fatal: " + *wrong + "\n");
  }
  if (parsed.rest.size() > 1) {
    std::string extra;
    for (std::size_t i = 1; i < parsed.rest.size(); i++) {
      extra += (i > 1 ? " " : "") + parsed.rest[i];
    }
    return exit_with(1, "arguments after data directory (" + parsed.rest[0] +
                            ") are not accepted ([" + extra + "])\n");
  }
  if (!parsed.rest.empty()) options.data_directory = trimmed(parsed.rest[0]);
  if (options.http_adv_addr.empty()) options.http_adv_addr = options.http_addr;
  if (options.raft_adv_addr.empty()) options.raft_adv_addr = options.raft_addr;
  if (options.node_id.empty()) options.node_id = options.raft_adv_addr;
  if (const std::optional<std::string> wrong = validate(options)) {
    return exit_with(1, "fatal: " + *wrong + "\n");
  }
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(options.data_directory, error);
  if (error) return exit_with(1, "fatal: " + error.message() + "\n");
  options.data_directory = absolute.lexically_normal().string();
  if (options.data_directory.size() > 1 && options.data_directory.back() == '/') {
    options.data_directory.pop_back();
  }
  line.run = true;
  return line;
}

namespace {

std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> parts;
  if (text.empty()) return parts;
  std::size_t at = 0;
  for (std::size_t comma; (comma = text.find(',', at)) != std::string::npos;) {
    parts.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  parts.push_back(text.substr(at));
  return parts;
}

}  // namespace

std::vector<std::string> Options::extensions() const { return parts_of(extensions_path); }

std::vector<std::string> Options::join() const { return parts_of(join_text); }

std::uint16_t Options::raft_port() const {
  const std::string port = raft_addr.substr(raft_addr.rfind(':') + 1);
  std::uint16_t number = 0;
  (void)std::from_chars(port.data(), port.data() + port.size(), number);  // it was looked at before
  return number;
}

namespace {

std::optional<raft::LogLevel> known_log_level(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  });
  if (text == "ERROR") return raft::LogLevel::kError;
  if (text == "WARN") return raft::LogLevel::kWarn;
  if (text == "INFO") return raft::LogLevel::kInfo;
  if (text == "DEBUG") return raft::LogLevel::kDebug;
  return std::nullopt;
}

}  // namespace

std::vector<std::string> Options::warnings() const {
  std::vector<std::string> texts;
  if (bootstrap_expect > 0 && is_alone()) {
    texts.push_back(
        "-bootstrap-expect does nothing without -join or -disco-mode: a new node is a cluster of "
        "its own then, and waits for nobody");
  }
  if (!known_log_level(raft_log_level)) {
    texts.push_back("-raft-log-level " + raft_log_level +
                    " is none of ERROR, WARN, INFO and DEBUG, and counts as WARN");
  }
  if (!join_as.empty() && auth.empty()) {
    texts.push_back(
        "-join-as does nothing without -auth, which has the password: this node joins "
        "as nobody in particular");
  }
  // rqlite takes them, and a node that stays alone does not need them.
  if (raft_adv_addr.starts_with(':')) {
    texts.push_back("other nodes cannot reach this one at " + raft_adv_addr +
                    ", which has no host: set -raft-adv-addr");
  }
  if (http_adv_addr.starts_with(':')) {
    texts.push_back("clients that other nodes send to this one cannot reach it at " +
                    http_adv_addr + ", which has no host: set -http-adv-addr");
  }
  return texts;
}

raft::LogLevel log_level_of(const std::string& text) {
  return known_log_level(text).value_or(raft::LogLevel::kWarn);
}

}  // namespace rqlite::rqlited
