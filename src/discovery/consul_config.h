#pragma once

#include <string>

#include "base/bytes.h"
#include "base/file_system.h"
#include "base/result.h"
#include "discovery/environment.h"

namespace rqlite::discovery {

// How to reach Consul.
//
// What the JSON leaves out comes from the environment variables that all of Consul's clients know
// (CONSUL_HTTP_ADDR and so on), and then from Consul's defaults.
struct ConsulConfig {
  // Asked of the server, and shown to it. Of several ways to give a thing, the first one counts.
  struct Tls {
    bool verify_server = true;
    std::string server_name;  // that its certificate must be for; empty: the host it is called by
    std::string ca_file;  // PEM: who may have issued its certificate; none of these: the system's
    std::string ca_pem;
    std::string ca_path;   // a directory of such files
    std::string cert_pem;  // and key_pem, or the files: both or neither
    std::string key_pem;
    std::string cert_file;
    std::string key_file;
  };

  std::string address = "127.0.0.1:8500";
  std::string path_prefix;  // what stands before every path: "/consul"; mostly empty
  bool use_tls = false;
  std::string datacenter;  // these three empty: the agent's own
  std::string name_space;
  std::string partition;
  std::string token;     // empty: none is sent
  std::string username;  // and password, for what stands before Consul; empty: none is sent
  std::string password;
  Tls tls;

  // Reads token files, too. The error says which setting is wrong.
  static Result<ConsulConfig> parse(BytesView json, const Environment& environment,
                                    FileSystem& files);
};

}  // namespace rqlite::discovery
