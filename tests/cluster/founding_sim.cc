#include "cluster/founding_sim.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace rqlite::cluster {

FoundingSim::FoundingSim(Setup setup, std::uint64_t seed)
    : setup_(std::move(setup)), random_(seed), nodes_(setup_.nodes) {
  for (std::size_t i = 0; i < nodes_.size(); i++) {
    nodes_[i].id = raft::RaftId(100 * (1 + random_.below(50)) + ++ids_);
    nodes_[i].expect = setup_.expect[std::min(i, setup_.expect.size() - 1)];
  }
}

std::vector<std::string> FoundingSim::look_addresses_up() {
  std::vector<std::string> addresses;
  for (std::size_t i = 0; i < nodes_.size(); i++) {
    if (!setup_.lists_differ || random_.chance(0.6)) addresses.push_back(address_of(i));
  }
  return addresses;
}

void FoundingSim::step() {
  const std::size_t number = any(nodes_.size());
  Node& node = nodes_[number];
  switch (any(12)) {
    case 0:
      if (!node.is_up) {
        node.is_up = true;
        if (node.vote.is_founded) found(node);
      } else if (random_.chance(0.1)) {
        kill(node);
      }
      return;
    case 1:
    case 2:
      if (!node.is_up || !node.cluster_id.empty() || node.round) return;
      if (random_.chance(0.03)) join(node, number);
      // As impatient as chance has it: so they get in each other's way.
      if (random_.chance(0.5)) node.patience = static_cast<int>(any(10));
      if (node.cluster_id.empty()) begin_round(node, number);
      return;
    case 3:
      // Time is up for what has not answered.
      if (node.is_up && node.round && random_.chance(0.5)) end_step_of_round(node, number);
      return;
    case 4:
      if (setup_.one_is_emptied && !emptied_ && random_.chance(0.02)) empty(number);
      return;
    default:
      break;
  }
  if (random_.chance(0.004)) cut();
  if (under_way_.empty()) return;
  const std::size_t place = any(under_way_.size());
  Message message = under_way_[place];
  const double fate = static_cast<double>(any(100)) / 100;
  if (fate >= 0.06) under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(place));
  if (fate < 0.12 && fate >= 0.06) return;  // lost
  if (nodes_[message.from].is_cut_off != nodes_[message.to].is_cut_off && fate < 0.9) return;
  deliver(std::move(message));  // and perhaps once more, later
}

// Some nodes hardly hear of the others any more; or all of all.
void FoundingSim::cut() {
  const bool heals = random_.chance(0.3);
  for (Node& node : nodes_) node.is_cut_off = !heals && random_.chance(0.4);
}

void FoundingSim::kill(Node& node) {
  node.is_up = false;
  node.patience = 0;
  node.addresses.clear();
  node.round.reset();
  node.replies.clear();
}

void FoundingSim::empty(std::size_t number) {
  emptied_ = true;
  Node& node = nodes_[number];
  kill(node);
  node.id = raft::RaftId(100 * (1 + random_.below(50)) + ++ids_);
  node.vote = {};
  node.cluster_id.clear();
}

void FoundingSim::begin_round(Node& node, std::size_t number) {
  node.addresses = look_addresses_up();
  node.round.emplace(FoundingRound::Self{node.id, address_of(number), node.expect, node.addresses},
                     node.patience, [this] { return fmt::format("cluster {}", ++ids_); });
  send_calls(node, number);
}

void FoundingSim::send_calls(Node& node, std::size_t number) {
  node.call_of = ++calls_;
  node.missing.clear();
  node.replies.assign(node.round->calls().size(), {{}, {}, "no answer"});
  for (std::size_t i = 0; i < node.replies.size(); i++) {
    const FoundingRound::Call& call = node.round->calls()[i];
    const std::size_t to = number_of(call.address);
    if (to == number) {
      // As in a process: at once, and as long as that runs.
      node.replies[i] = answer(number, call.request);
      continue;
    }
    node.missing.insert(i);
    under_way_.push_back({number, to, node.call_of, i, call.request, {}});
  }
  if (node.missing.empty()) end_step_of_round(node, number);
}

void FoundingSim::end_step_of_round(Node& node, std::size_t number) {
  node.round->take(node.replies);
  if (!node.round->calls().empty()) return send_calls(node, number);
  node.patience = node.round->waits_for_another() ? node.patience + 1 : 0;
  node.round.reset();
}

void FoundingSim::deliver(Message message) {
  if (!message.reply) {
    if (!nodes_[message.to].is_up) return;
    message.reply = answer(message.to, message.request);
    under_way_.push_back(std::move(message));
    return;
  }
  Node& node = nodes_[message.from];
  if (!node.is_up || !node.round || node.call_of != message.call_of) return;
  node.replies[message.place] = *message.reply;
  node.missing.erase(message.place);
  if (node.missing.empty()) end_step_of_round(node, message.from);
}

FoundingRound::Reply FoundingSim::answer(std::size_t number, const FoundingRequest& request) {
  using Kind = FoundingRequest::Kind;
  Node& node = nodes_[number];
  if (request.kind == Kind::kView) {
    FounderView view;
    view.identity = {node.id, "node " + std::to_string(number)};
    view.raft_address = address_of(number);
    view.expect = node.expect;
    view.cluster_id = node.cluster_id;
    view.promised = node.vote.promised;
    if (node.cluster_id.empty()) view.attempt = node.vote.attempt;
    view.addresses = node.addresses;
    return {view, {}, ""};
  }
  if (request.to != node.id) return {{}, {}, "another node answers at this address"};
  FoundingVote vote(node.vote);
  FoundingVote::Answer given;
  if (request.kind == Kind::kPrepare) {
    given = vote.prepare(request.attempt, request.ballot, node.cluster_id, node.expect > 0);
  } else if (request.kind == Kind::kAccept) {
    given =
        vote.accept(request.attempt.cluster_id, request.ballot, request.verdict, node.cluster_id);
  } else {
    vote.learn(request.attempt.cluster_id, request.verdict);
  }
  // It may be killed behind any write to its disk.
  node.vote = *FoundingVote::decode(FoundingVote::encode(vote.state()));
  if (request.kind == Kind::kLearn && node.vote.is_founded) found(node);
  return {{}, given, ""};
}

void FoundingSim::found(Node& node) {
  const std::map<raft::RaftId, store::Member> members = node.vote.attempt->members();
  if (!node.cluster_id.empty() || !members.contains(node.id)) return;
  node.cluster_id = node.vote.attempt->cluster_id;
  for (const auto& [id, member] : members) founded_[node.cluster_id].insert(id);
}

void FoundingSim::join(Node& node, std::size_t number) {
  for (std::size_t i = 0; i < nodes_.size(); i++) {
    const Node& other = nodes_[i];
    if (i == number || !other.is_up || other.cluster_id.empty()) continue;
    if (!living_clusters().contains(other.cluster_id)) continue;
    node.cluster_id = other.cluster_id;
    return;
  }
}

std::set<std::string> FoundingSim::living_clusters() const {
  std::set<std::string> living;
  for (const auto& [cluster_id, members] : founded_) {
    const auto left = std::count_if(nodes_.begin(), nodes_.end(),
                                    [&](const Node& node) { return members.contains(node.id); });
    if (2 * static_cast<std::size_t>(left) > members.size()) living.insert(cluster_id);
  }
  return living;
}

bool FoundingSim::settle() {
  under_way_.clear();
  for (Node& node : nodes_) {
    node.is_cut_off = false;
    node.round.reset();
    if (!std::exchange(node.is_up, true) && node.vote.is_founded) found(node);
  }
  for (int tries = 0; tries < 400; tries++) {
    const std::size_t number = any(nodes_.size());
    Node& node = nodes_[number];
    if (node.cluster_id.empty()) join(node, number);
    if (!node.cluster_id.empty()) continue;
    begin_round(node, number);
    while (!under_way_.empty()) {
      Message message = under_way_.front();
      under_way_.erase(under_way_.begin());
      deliver(std::move(message));
    }
  }
  return std::all_of(nodes_.begin(), nodes_.end(), [this](const Node& node) {
    return !node.cluster_id.empty() && node.cluster_id == nodes_.front().cluster_id;
  });
}

std::string FoundingSim::describe() const {
  std::string text;
  for (const Node& node : nodes_) {
    text += fmt::format("{}: promised {} by {}, attempt '{}', of '{}', {}\n", node.id.value(),
                        node.vote.promised.round, node.vote.promised.by.value(),
                        node.vote.attempt ? node.vote.attempt->cluster_id : "", node.cluster_id,
                        node.is_up ? "up" : "down");
  }
  return text;
}

}  // namespace rqlite::cluster
