#include "rqlited/network_status.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sys/socket.h>

#include <array>
#include <bit>
#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace rqlite::rqlited {
namespace {

using http::JsonTree;

struct Interface {
  unsigned flags = 0;
  std::string hardware_address;
  std::vector<std::string> addresses;
};

std::string names_of(unsigned flags) {
  constexpr std::array<std::pair<unsigned, const char*>, 6> kNames = {
      {{IFF_UP, "up"},
       {IFF_BROADCAST, "broadcast"},
       {IFF_LOOPBACK, "loopback"},
       {IFF_POINTOPOINT, "pointtopoint"},
       {IFF_MULTICAST, "multicast"},
       {IFF_RUNNING, "running"}}};
  std::string names;
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) != 0) names += (names.empty() ? "" : "|") + std::string(name);
  }
  return names.empty() ? "0" : names;
}

// How many of the mask's bits are set.
int prefix_length(const unsigned char* mask, std::size_t size) {
  int bits = 0;
  for (std::size_t i = 0; i < size; i++) bits += std::popcount(mask[i]);
  return bits;
}

template <typename Address>
std::string with_prefix(int family, const Address& address, const Address& mask) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, &address, text, sizeof text);
  return fmt::format("{}/{}", text,
                     prefix_length(reinterpret_cast<const unsigned char*>(&mask), sizeof mask));
}

void add(Interface& to, const ifaddrs& each) {
  to.flags = each.ifa_flags;
  if (each.ifa_addr == nullptr) return;
  if (each.ifa_addr->sa_family == AF_PACKET) {
    const auto& link = *reinterpret_cast<const sockaddr_ll*>(each.ifa_addr);
    bool any = false;
    std::string text;
    for (int i = 0; i < link.sll_halen; i++) {
      any = any || link.sll_addr[i] != 0;
      text += fmt::format("{}{:02x}", i > 0 ? ":" : "", link.sll_addr[i]);
    }
    if (any) to.hardware_address = text;
  } else if (each.ifa_netmask == nullptr) {
    return;
  } else if (each.ifa_addr->sa_family == AF_INET) {
    to.addresses.push_back(
        with_prefix(AF_INET, reinterpret_cast<const sockaddr_in*>(each.ifa_addr)->sin_addr,
                    reinterpret_cast<const sockaddr_in*>(each.ifa_netmask)->sin_addr));
  } else if (each.ifa_addr->sa_family == AF_INET6) {
    to.addresses.push_back(
        with_prefix(AF_INET6, reinterpret_cast<const sockaddr_in6*>(each.ifa_addr)->sin6_addr,
                    reinterpret_cast<const sockaddr_in6*>(each.ifa_netmask)->sin6_addr));
  }
}

}  // namespace

JsonTree network_status() {
  JsonTree tree;
  ifaddrs* found = nullptr;
  if (getifaddrs(&found) != 0) {
    tree["error"] = JsonTree::text(std::generic_category().message(errno));
    return tree;
  }
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> list(found, &freeifaddrs);
  std::map<std::string, Interface> interfaces;
  for (const ifaddrs* each = list.get(); each != nullptr; each = each->ifa_next) {
    add(interfaces[each->ifa_name], *each);
  }
  JsonTree& shown = tree["interfaces"];
  for (const auto& [name, interface] : interfaces) {
    JsonTree record = JsonTree::record();
    record["flags"] = JsonTree::text(names_of(interface.flags));
    record["hardware_address"] = JsonTree::text(interface.hardware_address);
    std::vector<JsonTree> addresses;
    for (const std::string& address : interface.addresses) {
      addresses.emplace_back()["address"] = JsonTree::text(address);
    }
    record["addresses"] =
        addresses.empty() ? JsonTree::null() : JsonTree::array(std::move(addresses));
    shown[name] = std::move(record);
  }
  return tree;
}

}  // namespace rqlite::rqlited
