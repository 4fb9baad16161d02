#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/pause.h"
#include "base/thread.h"
#include "cluster/admission.h"
#include "cluster/agreement.h"
#include "cluster/counters.h"
#include "cluster/group.h"
#include "cluster/inquiry.h"
#include "cluster/jobs.h"
#include "cluster/peer_protocol.h"
#include "cluster/silence.h"
#include "net/client.h"
#include "store/store.h"

namespace rqlite::cluster {

// Changes who takes part in the cluster, as its leader: lets nodes join, removes them, hands
// leadership over. What it does for as long as this node leads: makes voters of those who have
// caught up, and removes those who have been gone for too long.
//
// One thing at a time, on a thread of its own, which waits for other nodes and for the log: for
// each no longer than is said, and not at all once it is to stop. Threads: any.
class MembersService {
 public:
  struct Options {
    // As whom others are to know this node. An empty address: as whom they do.
    std::string node_id;
    std::string raft_address;
    // How long another node may take to say who it is. Whoever joins waits for that twice.
    std::chrono::nanoseconds connect_timeout{std::chrono::seconds(30)};
    // How long a change may take to be agreed on.
    std::chrono::nanoseconds change_timeout{std::chrono::seconds(10)};
    // How long the next leader may take to be elected.
    std::chrono::nanoseconds transfer_timeout{std::chrono::seconds(1)};
    // Members of which nothing is heard for so long are removed; zero: never.
    std::chrono::nanoseconds reap_voters_after{0};
    std::chrono::nanoseconds reap_readers_after{0};
    // Members of which nothing is heard for longer are named in the log.
    std::chrono::nanoseconds missed_after{std::chrono::seconds(5)};
    // Called several times a second, on the service's thread: for what else has to be looked after.
    std::function<void()> on_look;
  };
  using HeardAt = Silence::HeardAt;

  // What is passed by reference must outlive it.
  MembersService(Group& group, net::Client& client, const Clock& clock, Counters& counters,
                 Options options, HeardAt heard_at);
  ~MembersService();

  using Joined = Admission::Answer;
  void join(JoinRequest request, std::function<void(const Joined&)> then);

  // `then` is told kNotLeader if another one decides; this node may have handed over for that. A
  // node that is no member is as good as removed.
  using Done = std::function<void(const Status&)>;
  void remove(std::string node_id, Done then);
  // To the node with that id; empty: to the voter that has most.
  void hand_over(std::string node_id, Done then);

  // Runs nothing any more, and waits for nothing; what waits is told so.
  void stop();

 private:
  void run();
  void decide(const std::shared_ptr<Inquiry>& inquiry,
              const std::function<void(const Joined&)>& then);
  // What a leader does now and then.
  void look_after_members();
  // Has the cluster know this node, which leads, by the name and address that it has now, if it is
  // the only one who votes: it has moved, and there is nobody else whom it could ask for that. In
  // any other cluster it joins again, and those who vote see whether they reach it there.
  Status make_itself_known();
  void promote(const store::Membership& membership);
  // Says who is missed, and who is there again.
  void listen(const store::Membership& membership);
  // Removes one of those who were silent for too long: whether the others still are, the next look
  // says, for this takes its time.
  void reap(const store::Membership& membership);
  // Zero: never.
  [[nodiscard]] std::chrono::nanoseconds reap_after(const store::Membership::Entry& entry) const;

  Status remove_now(const std::string& node_id);
  Status hand_over_now(const std::string& node_id);
  Status transfer(raft::RaftId to);

  Group& group_;
  net::Client& client_;
  const Clock& clock_;
  Counters& counters_;
  const Options options_;

  // Shared with whoever answers when nobody waits any more.
  const std::shared_ptr<Pause> pause_;

  // Of the thread.
  Agreement agreement_;
  Admission admission_;
  Silence silence_;
  int inquiries_ = 0;            // under way
  std::string unknown_because_;  // as was told last
  raft::Index commit_before_;    // at the last look

  const std::shared_ptr<Jobs> jobs_;
  Thread thread_;
};

}  // namespace rqlite::cluster
