#include "rqlited/process_status.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string_view>
#include <thread>
#include <utility>

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

// The heap, by the names that such pages have. What only a garbage collector knows is zero.
Bytes memory() {
  const struct mallinfo2 heap = mallinfo2();
  const std::size_t used = heap.uordblks + heap.hblkhd;
  const auto resident = static_cast<std::size_t>(resident_bytes());
  const std::pair<std::string_view, std::size_t> figures[] = {
      {"Alloc", used},     {"Frees", 0},
      {"HeapAlloc", used}, {"HeapIdle", heap.fordblks},
      {"HeapInuse", used}, {"HeapObjects", 0},
      {"HeapReleased", 0}, {"HeapSys", heap.arena + heap.hblkhd},
      {"LastGC", 0},       {"Mallocs", 0},
      {"NextGC", 0},       {"NumGC", 0},
      {"PauseTotalNs", 0}, {"StackInuse", 0},
      {"StackSys", 0},     {"Sys", resident},
      {"TotalAlloc", 0},
  };
  Bytes text = "{";
  for (const auto& [name, value] : figures) {
    if (text.size() > 1) text += ", ";
    text += fmt::format(R"("{}": {})", name, value);
  }
  return text += '}';
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
  vars["memstats"] = memory();
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
