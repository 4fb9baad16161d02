#include "rqlited/process_status.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <thread>

#include "base/duration.h"
#include "base/file_system.h"
#include "http/dates.h"
#include "http/json_text.h"
#include "rqlited/version.h"

namespace rqlite::rqlited {
namespace {

using http::JsonTree;

std::string executable() {
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : "";
}

std::vector<std::string> arguments_of_process() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string each; std::getline(file, each, '\0');) arguments.push_back(each);
  return arguments;
}

std::uint64_t threads() {
  Result<std::vector<std::string>> tasks = posix_file_system().list("/proc/self/task");
  return tasks.ok() ? tasks->size() : 0;
}

// Bytes of memory that the process has in use.
double resident_bytes() {
  std::ifstream pages("/proc/self/statm");
  double total = 0;
  double resident = 0;
  pages >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
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
    : clock_(clock),
      started_(clock.now()),
      started_at_(clock.wall_now()),
      arguments_(arguments_of_process()) {}

void ProcessStatus::add_to(JsonTree& tree) const {
  JsonTree& build = tree["build"];
  build["version"] = JsonTree::text(kVersion);
  build["commit"] = JsonTree::text(kCommit);
  build["build_time"] = JsonTree::text("unknown");  // equal sources make equal programs
  build["compiler_command"] = JsonTree::text(compiler());
  build["compiler_toolchain"] = JsonTree::text(compiler());
  JsonTree& node = tree["node"];
  node["start_time"] = JsonTree::text(http::date_of_time(started_at_));
  node["current_time"] = JsonTree::text(http::date_of_time(clock_.wall_now()));
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
  runtime["GOMAXPROCS"] = JsonTree::number(std::thread::hardware_concurrency());
  runtime["num_cpu"] = JsonTree::number(std::thread::hardware_concurrency());
  runtime["num_goroutine"] = JsonTree::number(threads());
  runtime["version"] = JsonTree::text("c++20");
  runtime["kubernetes_hint"] = JsonTree::boolean(std::getenv("KUBERNETES_SERVICE_HOST") != nullptr);
}

void ProcessStatus::add_to(http::DebugVars& vars) const {
  Bytes arguments = "[";
  for (const std::string& each : arguments_) {
    if (arguments.size() > 1) arguments += ',';
    http::append_json_string(arguments, each);
  }
  vars["cmdline"] = arguments + "]";
  const struct mallinfo2 heap = mallinfo2();
  vars["memstats"] =
      fmt::format(R"({{"HeapInuse": {}, "HeapSys": {}, "Sys": {}}})", heap.uordblks + heap.hblkhd,
                  heap.arena + heap.hblkhd, static_cast<std::uint64_t>(resident_bytes()));
}

void ProcessStatus::add_to(http::MetricsText& text) const {
  text.gauge("rqlite_build_info", "The version that runs; always 1.");
  text.sample(1, fmt::format("version=\"{}\",commit=\"{}\"", kVersion, kCommit));
  // Names and meanings as Prometheus' own client libraries have them.
  text.gauge("process_start_time_seconds", "Start of the process, since 1970.",
             std::chrono::duration<double>(started_at_.time_since_epoch()).count());
  text.gauge("process_resident_memory_bytes", "Memory that the process has in use.",
             resident_bytes());
  text.counter("process_cpu_seconds_total", "Processor time that the process has used.",
               cpu_seconds());
  text.gauge("process_threads", "Threads of the process.", static_cast<double>(threads()));
}

}  // namespace rqlite::rqlited
