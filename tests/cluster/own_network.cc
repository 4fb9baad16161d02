#include "cluster/own_network.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/check.h"

namespace rqlite::cluster {
namespace {

bool start_loopback() {
  const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const bool done = ::ioctl(socket, SIOCSIFFLAGS, &request) == 0;
  ::close(socket);
  return done;
}

bool use_resolv_conf(const std::string& text) {
  char path[] = "/tmp/rqlite-resolv-XXXXXX";
  const int file = ::mkstemp(path);
  if (file < 0) return false;
  ::close(file);
  std::ofstream(path) << text;
  const bool done = ::mount(path, "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0;
  ::unlink(path);
  return done;
}

bool isolate(const std::string& resolv_conf) {
  return ::unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 && start_loopback() &&
         use_resolv_conf(resolv_conf);
}

}  // namespace

std::optional<std::string> in_own_network(const std::string& resolv_conf,
                                          const std::function<std::string()>& body) {
  int ends[2];
  CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    const std::string outcome = isolate(resolv_conf) ? "+" + body() : "";
    CHECK(::write(ends[1], outcome.data(), outcome.size()) == static_cast<ssize_t>(outcome.size()));
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string outcome;
  char piece[4096];
  for (ssize_t size; (size = ::read(ends[0], piece, sizeof piece)) > 0;) {
    outcome.append(piece, static_cast<std::size_t>(size));
  }
  ::close(ends[0]);
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  if (outcome.empty()) return std::nullopt;
  return outcome.substr(1);
}

}  // namespace rqlite::cluster
