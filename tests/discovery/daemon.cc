#include "discovery/daemon.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/check.h"

extern char** environ;

namespace rqlite::discovery {

using namespace std::chrono_literals;

std::string Daemon::find(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

Daemon::Daemon(std::vector<std::string> command) {
  std::vector<char*> arguments;
  for (std::string& each : command) arguments.push_back(each.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t silence;
  CHECK(posix_spawn_file_actions_init(&silence) == 0);
  for (const int stream : {1, 2}) {
    CHECK(posix_spawn_file_actions_addopen(&silence, stream, "/dev/null", O_WRONLY, 0) == 0);
  }
  CHECK(::posix_spawn(&process_, arguments[0], &silence, nullptr, arguments.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&silence);
}

Daemon::~Daemon() {
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

bool Daemon::await(const std::function<bool()>& ready) const {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!ready()) {
    siginfo_t ended{};
    ::waitid(P_PID, static_cast<id_t>(process_), &ended, WEXITED | WNOHANG | WNOWAIT);
    if (ended.si_pid != 0 || std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  CHECK(::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0);
  CHECK(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

}  // namespace rqlite::discovery
