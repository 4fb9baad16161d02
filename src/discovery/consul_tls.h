#pragma once

#include "base/file_system.h"
#include "base/result.h"
#include "discovery/consul_config.h"
#include "discovery/pem_files.h"
#include "net/tls_dialer.h"

namespace rqlite::discovery {

// What the dialer that `tls` asks for is to be opened with: texts of the settings, and the files of
// a directory, become files of `pem`.
Result<net::TlsDialer::Options> dialer_options(const ConsulConfig::Tls& tls, FileSystem& files,
                                               PemFiles& pem);

}  // namespace rqlite::discovery
