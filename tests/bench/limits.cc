// What the machine can do, for figures to be held against. Usage:
//   limits fdatasync FILE SECONDS     rate of writing and syncing a block that is already written
//   limits sqlite FILE SECONDS        rate of inserts: cached statement, 128 to a transaction
//   limits http PORT                  serves a no-op on 127.0.0.1:PORT until it is killed
#include <sqlite3.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/file_system.h"
#include "net/server.h"

namespace rqlite {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int fdatasync_rate(const std::string& path, double seconds) {
  constexpr std::size_t kBlock = 4096;
  constexpr std::uint64_t kBlocks = 4096;
  auto file = posix_file_system().open(path, FileSystem::Open::kCreateOrTruncate);
  if (!file.ok()) return 1;
  const Bytes block(kBlock, 'x');
  for (std::uint64_t i = 0; i < kBlocks; i++) {
    if (!(*file)->write(i * kBlock, block).ok()) return 1;
  }
  if (!(*file)->sync_data().ok()) return 1;
  std::uint64_t done = 0;
  const Clock::time_point start = Clock::now();
  for (; since(start) < seconds; done++) {
    if (!(*file)->write(done % kBlocks * kBlock, block).ok()) return 1;
    if (!(*file)->sync_data().ok()) return 1;
  }
  std::printf("%.0f\n", static_cast<double>(done) / since(start));
  return 0;
}

int sqlite_rate(const std::string& path, double seconds) {
  sqlite3* database = nullptr;
  if (sqlite3_open(path.c_str(), &database) != SQLITE_OK) return 1;
  sqlite3_exec(database,
               "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
               "CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b TEXT)",
               nullptr, nullptr, nullptr);
  sqlite3_stmt* insert = nullptr;
  sqlite3_prepare_v2(database, "INSERT INTO t(a,b) VALUES(?,?)", -1, &insert, nullptr);
  std::uint64_t done = 0;
  const Clock::time_point start = Clock::now();
  while (since(start) < seconds) {
    sqlite3_exec(database, "BEGIN", nullptr, nullptr, nullptr);
    for (int i = 0; i < 128; i++, done++) {
      sqlite3_bind_int64(insert, 1, static_cast<sqlite3_int64>(done));
      sqlite3_bind_text(insert, 2, "value-1234567", -1, SQLITE_STATIC);
      if (sqlite3_step(insert) != SQLITE_DONE) return 1;
      sqlite3_reset(insert);
    }
    sqlite3_exec(database, "COMMIT", nullptr, nullptr, nullptr);
  }
  std::printf("%.0f\n", static_cast<double>(done) / since(start));
  sqlite3_finalize(insert);
  sqlite3_close(database);
  return 0;
}

class NoOp final : public net::Handler {
 public:
  void handle(net::Request, std::shared_ptr<net::Reply> reply) override {
    reply->send(net::Response::json(R"({"results":[]})"));
  }
};

int serve_no_op(const std::string& port) {
  NoOp handler;
  net::Server::Options options;
  options.host = "127.0.0.1";
  options.port = port;
  auto server = net::Server::listen(std::move(options), handler);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.error().text().c_str());
    return 1;
  }
  (*server)->start();
  while (true) pause();
}

int run(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  const double seconds = argc > 3 ? std::atof(argv[3]) : 2;
  if (what == "fdatasync") return fdatasync_rate(argv[2], seconds);
  if (what == "sqlite") return sqlite_rate(argv[2], seconds);
  if (what == "http") return serve_no_op(argv[2]);
  std::fprintf(stderr, "usage: limits fdatasync|sqlite FILE SECONDS, or limits http PORT\n");
  return 2;
}

}  // namespace
}  // namespace rqlite

int main(int argc, char** argv) { return rqlite::run(argc, argv); }
