#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "cluster/founding_round.h"
#include "cluster/founding_vote.h"

namespace rqlite::cluster {

// Nodes that found a cluster, in one thread: what is asked and answered arrives late, in any order,
// twice or never, and nodes are killed, started again and emptied, all as a seed has it.
//
// A node's disk is its vote and the cluster that it is of; both are kept when it is killed.
class FoundingSim {
 public:
  struct Setup {
    std::size_t nodes = 3;
    std::vector<std::uint64_t> expect;  // of each node; the last one counts for the rest
    bool lists_differ = false;          // each look shows some of the addresses only
    bool one_is_emptied = false;        // once, at any time
  };

  FoundingSim(Setup setup, std::uint64_t seed);

  // Lets something happen.
  void step();
  // All nodes run, everything arrives, and each tries in turn. False: they are not all in one
  // cluster after many tries.
  bool settle();

  // The clusters that somebody has founded and that a majority of its members can still speak for.
  [[nodiscard]] std::set<std::string> living_clusters() const;
  [[nodiscard]] std::string describe() const;

 private:
  struct Message {
    std::size_t from = 0;
    std::size_t to = 0;         // by address: whoever has it when the message arrives
    std::uint64_t call_of = 0;  // which of the sender's calls()
    std::size_t place = 0;      // in those
    FoundingRequest request;
    std::optional<FoundingRound::Reply> reply;  // on its way back
  };
  struct Node {
    raft::RaftId id;
    std::uint64_t expect = 0;
    // On its disk.
    FoundingVote::State vote;
    std::string cluster_id;
    bool is_cut_off = false;
    // In its memory.
    bool is_up = false;
    int patience = 0;
    std::vector<std::string> addresses;
    std::optional<FoundingRound> round;
    std::uint64_t call_of = 0;
    std::vector<FoundingRound::Reply> replies;  // to the calls under way
    std::set<std::size_t> missing;              // of these
  };

  static std::string address_of(std::size_t number) { return "host:" + std::to_string(number); }
  static std::size_t number_of(const std::string& address) {
    return std::stoul(address.substr(address.find(':') + 1));
  }

  std::size_t any(std::size_t bound) { return static_cast<std::size_t>(random_.below(bound)); }
  std::vector<std::string> look_addresses_up();
  void begin_round(Node& node, std::size_t number);
  void send_calls(Node& node, std::size_t number);
  void end_step_of_round(Node& node, std::size_t number);
  void deliver(Message message);
  FoundingRound::Reply answer(std::size_t number, const FoundingRequest& request);
  void found(Node& node);
  void join(Node& node, std::size_t number);
  void empty(std::size_t number);
  void kill(Node& node);
  void cut();

  const Setup setup_;
  Random random_;
  std::vector<Node> nodes_;
  std::vector<Message> under_way_;
  std::map<std::string, std::set<raft::RaftId>> founded_;  // members by cluster
  std::uint64_t calls_ = 0;
  std::uint64_t ids_ = 0;
  bool emptied_ = false;
};

}  // namespace rqlite::cluster
