#include "cluster/peers_file.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>

namespace rqlite::cluster {
namespace {

namespace dom = simdjson::dom;

Status invalid(std::string text) { return {Code::kInvalid, std::move(text)}; }

// As Go prints it, which is what people find when they look for the message.
std::string to_text(const store::RecoveredPeer& peer) {
  return fmt::format("{{{} {} {}}}", peer.votes ? "Voter" : "Nonvoter", peer.node_id,
                     peer.raft_address);
}

std::string to_text(const std::vector<store::RecoveredPeer>& peers) {
  std::string text;
  for (const store::RecoveredPeer& peer : peers) text += (text.empty() ? "" : " ") + to_text(peer);
  return "{[" + text + "]}";
}

// Null is as good as absent.
template <typename Value>
Status read(const dom::object& object, const char* name, const char* wanted, Value& to) {
  const auto member = object.at_key(name);
  if (member.error() == simdjson::NO_SUCH_FIELD || member.is_null()) return {};
  if (member.get(to) == simdjson::SUCCESS) return {};
  return invalid(fmt::format("invalid JSON: {} is not {}", name, wanted));
}

Status read(const dom::element& element, store::RecoveredPeer& peer) {
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return invalid("invalid JSON: not an object");
  std::string_view node_id;
  std::string_view address;
  bool non_voter = false;
  RETURN_IF_ERROR(read(object, "id", "a string", node_id));
  RETURN_IF_ERROR(read(object, "address", "a string", address));
  RETURN_IF_ERROR(read(object, "non_voter", "a boolean", non_voter));
  peer = {std::string(node_id), std::string(address), !non_voter};
  return {};
}

Status check(const std::vector<store::RecoveredPeer>& peers) {
  std::set<std::string> node_ids;
  std::set<std::string> addresses;
  for (const store::RecoveredPeer& peer : peers) {
    if (peer.node_id.empty()) return invalid("empty ID in configuration: " + to_text(peers));
    if (peer.raft_address.empty()) {
      return invalid("empty address in configuration: " + to_text(peer));
    }
    if (!node_ids.insert(peer.node_id).second) {
      return invalid("found duplicate ID in configuration: " + peer.node_id);
    }
    if (!addresses.insert(peer.raft_address).second) {
      return invalid("found duplicate address in configuration: " + peer.raft_address);
    }
  }
  if (std::none_of(peers.begin(), peers.end(), [](const auto& each) { return each.votes; })) {
    return invalid("need at least one voter in configuration: " + to_text(peers));
  }
  return {};
}

// "host:port", with brackets around an IPv6 address.
bool is_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) return false;
  const std::string host = text.substr(0, colon);
  if (host.front() == '[') return host.back() == ']' && host.size() > 2;
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
  return printable && host.find_first_of(":[]/") == std::string::npos;
}

}  // namespace

Result<std::vector<store::RecoveredPeer>> parse_peers_file(BytesView json) {
  dom::parser parser;
  dom::element root;
  if (const auto error = parser.parse(json.data(), json.size()).get(root)) {
    return invalid(std::string("invalid JSON: ") + simdjson::error_message(error));
  }
  dom::array array;
  if (root.get(array) != simdjson::SUCCESS) return invalid("invalid JSON: not an array");
  std::vector<store::RecoveredPeer> peers;
  for (const dom::element element : array) {
    RETURN_IF_ERROR(read(element, peers.emplace_back()));
  }
  RETURN_IF_ERROR(check(peers));
  return peers;
}

Status check_addresses(const std::vector<store::RecoveredPeer>& peers) {
  for (const store::RecoveredPeer& peer : peers) {
    if (peer.raft_address.find("://") != std::string::npos) {
      return invalid("protocol specified in address: " + peer.raft_address);
    }
    if (!is_address(peer.raft_address)) {
      return invalid("invalid address in configuration: " + peer.raft_address);
    }
  }
  return {};
}

}  // namespace rqlite::cluster
