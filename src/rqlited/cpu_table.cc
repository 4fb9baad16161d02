#include "rqlited/cpu_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <fstream>

#include "base/file_system.h"

namespace rqlite::rqlited {
namespace {

double seconds(Nanos time) { return std::chrono::duration<double>(time).count(); }

std::string row(std::string_view name, std::string_view id, Nanos ran, std::string_view waited,
                Nanos process) {
  const double share = process > Nanos::zero() ? 100 * seconds(ran) / seconds(process) : 0;
  return fmt::format("{:<16}{:>8}{:>12.3f}{:>12}{:>8.1f}%\n", name, id, seconds(ran), waited,
                     share);
}

// The name, and from "schedstat" how long it ran and how long it waited, in nanoseconds.
ThreadTime read_thread(const std::string& id) {
  const std::string directory = "/proc/self/task/" + id;
  ThreadTime thread;
  thread.id = std::strtoull(id.c_str(), nullptr, 10);
  std::ifstream comm(directory + "/comm");
  std::getline(comm, thread.name);
  std::int64_t ran = 0;
  std::int64_t waited = 0;
  std::ifstream(directory + "/schedstat") >> ran >> waited;
  thread.ran = Nanos(ran);
  thread.waited = Nanos(waited);
  return thread;
}

}  // namespace

std::string cpu_table(std::vector<ThreadTime> threads, Nanos process, Nanos elapsed) {
  // Those that ran equally long by age. (Clang warns of libstdc++'s stable_sort.)
  std::sort(threads.begin(), threads.end(), [](const ThreadTime& a, const ThreadTime& b) {
    return a.ran != b.ran ? a.ran > b.ran : a.id < b.id;
  });
  std::string text = fmt::format(
      "Processor time by thread, in the {:.1f} s that the process ran.\n\n"
      "{:<16}{:>8}{:>12}{:>12}{:>9}\n",
      seconds(elapsed), "thread", "id", "ran s", "waited s", "share");
  Nanos ended = process;
  for (const ThreadTime& thread : threads) {
    text += row(thread.name, std::to_string(thread.id), thread.ran,
                fmt::format("{:.3f}", seconds(thread.waited)), process);
    ended -= thread.ran;
  }
  // They ran on while they were counted.
  text += row("(ended)", "", std::max(ended, Nanos::zero()), "", process);
  return text + row("(all)", "", process, "", process);
}

std::string cpu_table_of_this_process(Nanos elapsed) {
  std::vector<ThreadTime> threads;
  const Result<std::vector<std::string>> ids = posix_file_system().list("/proc/self/task");
  if (ids.ok()) {
    for (const std::string& id : *ids) threads.push_back(read_thread(id));
  }
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return cpu_table(std::move(threads),
                   std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec),
                   elapsed);
}

}  // namespace rqlite::rqlited
