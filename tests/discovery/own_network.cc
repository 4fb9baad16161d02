#include "discovery/own_network.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/thread.h"

namespace rqlite::discovery {
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
  std::optional<std::string> outcome;
  Thread("own-network", [&] {
    if (isolate(resolv_conf)) outcome = body();
  }).join();
  return outcome;
}

}  // namespace rqlite::discovery
