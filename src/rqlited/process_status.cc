#include "rqlited/process_status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <thread>

#include "base/duration.h"
#include "base/file_system.h"
#include "rqlited/version.h"

namespace rqlite::rqlited {
namespace {

using http::JsonTree;

// RFC 3339, with what there is of a fraction.
std::string to_text(WallTime time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count();
  const std::time_t at = seconds.count();
  std::tm parts{};
  gmtime_r(&at, &parts);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:09}Z", date, nanos);
}

std::string executable() {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : "";
}

std::uint64_t threads() {
  Result<std::vector<std::string>> tasks = posix_file_system().list("/proc/self/task");
  return tasks.ok() ? tasks->size() : 0;
}

}  // namespace

const char* architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
  return "unknown";
#endif
}

ProcessStatus::ProcessStatus(const Clock& clock)
    : clock_(clock), started_(clock.now()), started_at_(clock.wall_now()) {}

void ProcessStatus::add_to(JsonTree& tree) const {
  JsonTree& build = tree["build"];
  build["version"] = JsonTree::text(kVersion);
  build["commit"] = JsonTree::text(kCommit);
  build["compiler_toolchain"] = JsonTree::text(compiler());
  JsonTree& node = tree["node"];
  node["start_time"] = JsonTree::text(to_text(started_at_));
  node["current_time"] = JsonTree::text(to_text(clock_.wall_now()));
  node["uptime"] = JsonTree::text(format_duration(clock_.now() - started_));
  JsonTree& os = tree["os"];
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  os["hostname"] = JsonTree::text(host);
  os["executable"] = JsonTree::text(executable());
  os["pid"] = JsonTree::integer(getpid());
  os["ppid"] = JsonTree::integer(getppid());
  os["page_size"] = JsonTree::integer(sysconf(_SC_PAGESIZE));
  JsonTree& runtime = tree["runtime"];
  runtime["GOOS"] = JsonTree::text("linux");
  runtime["GOARCH"] = JsonTree::text(architecture());
  runtime["num_cpu"] = JsonTree::number(std::thread::hardware_concurrency());
  runtime["num_goroutine"] = JsonTree::number(threads());
  runtime["version"] = JsonTree::text("c++20");
  runtime["kubernetes_hint"] = JsonTree::boolean(std::getenv("KUBERNETES_SERVICE_HOST") != nullptr);
}

}  // namespace rqlite::rqlited
