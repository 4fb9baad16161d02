#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "discovery/disco_mode.h"
#include "queue/batcher.h"
#include "raft/core.h"

namespace rqlite::rqlited {

// What the command line asks for.
struct Options {
  using Duration = std::chrono::nanoseconds;

  bool version = false;
  std::string node_id;  // by default the advertised Raft address
  std::string http_addr = "localhost:4001";
  std::string http_adv_addr;  // by default http_addr
  std::string http_cert;      // and http_key: both or neither
  std::string http_key;
  std::string http_ca_cert;
  bool http_verify_client = false;
  std::string http_verify_common_name;  // with http_verify_client
  std::string raft_addr = "localhost:4002";
  std::string raft_adv_addr;      // by default raft_addr
  std::string http_allow_origin;  // empty: the header is not sent
  std::string auth;               // path of the credentials file; empty: there is none
  std::string node_cert;          // and node_key: both or neither
  std::string node_key;
  std::string node_ca_cert;
  bool node_no_verify = false;
  bool node_verify_client = false;
  std::string node_verify_server_name;
  std::string node_verify_common_name;  // with node_verify_client

  std::string join_text;  // addresses separated by commas
  std::int64_t join_attempts = 5;
  Duration join_interval{std::chrono::seconds(3)};
  std::string join_as;
  Duration cluster_connect_timeout{std::chrono::seconds(30)};
  bool compress_snap_transport = false;
  bool raft_non_voter = false;

  std::int64_t bootstrap_expect = 0;  // how many nodes found a cluster together; 0: it is there
  Duration bootstrap_expect_timeout{std::chrono::seconds(120)};
  std::string disco_mode;  // empty: none
  std::string disco_key = "rqlite";
  std::string disco_config;  // JSON, or the path of a file that holds it

  bool foreign_keys = false;
  std::int64_t read_connections_max = 256;
  std::string extensions_path;  // separated by commas
  Duration auto_vacuum_int{0};
  Duration auto_optimize_int{std::chrono::hours(24)};

  std::int64_t queue_capacity = 1024;
  std::int64_t queue_batch_size = 128;
  std::uint64_t queue_bytes_max = 64 << 20;
  Duration queue_timeout{std::chrono::milliseconds(50)};
  bool queue_tx = false;
  Duration queue_drain_timeout{std::chrono::seconds(10)};

  std::string raft_log_level = "WARN";
  std::uint64_t raft_snap = 8192;  // 0: that
  std::uint64_t raft_snap_wal_size = 4 << 20;
  Duration raft_snap_int{std::chrono::seconds(10)};
  Duration raft_heartbeat_timeout{std::chrono::seconds(1)};
  Duration raft_election_timeout{std::chrono::seconds(1)};
  Duration raft_leader_lease_timeout{0};                        // 0: 500 ms
  Duration raft_commit_timeout{std::chrono::milliseconds(50)};  // 0: 50 ms
  Duration raft_apply_timeout{std::chrono::seconds(10)};        // 0: no limit
  bool raft_shutdown_stepdown = true;
  bool raft_remove_shutdown = false;
  bool raft_cluster_remove_shutdown = false;
  Duration raft_reap_node_timeout{0};  // 0: never
  Duration raft_reap_read_only_node_timeout{0};

  // Paths of files; empty: not wanted.
  std::string cpu_profile;
  std::string mem_profile;
  std::string trace_profile;

  std::string data_directory;  // absolute

  // What disco_mode says; none if it is empty.
  [[nodiscard]] std::optional<discovery::DiscoMode> disco() const {
    return discovery::disco_mode_of(disco_mode);
  }
  // That of raft_addr, which may name no host.
  [[nodiscard]] std::uint16_t raft_port() const;
  // Whether a new node is a cluster by itself.
  [[nodiscard]] bool is_alone() const {
    return join_text.empty() && disco_mode.empty() && !raft_non_voter;
  }
  // What works, and hardly as it is meant: texts for the log.
  [[nodiscard]] std::vector<std::string> warnings() const;
  // The parts of join_text.
  [[nodiscard]] std::vector<std::string> join() const;
  // The parts of extensions_path.
  [[nodiscard]] std::vector<std::string> extensions() const;
};

// What is to be done with a command line: run, or print `output` to standard error and exit.
struct CommandLine {
  bool run = false;
  Options options;
  std::string output;
  int exit_code = 0;
};

// Reads main()'s arguments without the program's name: the whole contract of flags, their order of
// checks, their messages and exit codes.
CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               const std::string& version_line);

// The level of `text` in any case; unknown text is tolerated, as the default.
raft::LogLevel log_level_of(const std::string& text);

}  // namespace rqlite::rqlited
