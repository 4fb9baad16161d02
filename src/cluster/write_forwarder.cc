#include "cluster/write_forwarder.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace rqlite::cluster {
namespace {

// Whether another try, now or at another node, may go better.
bool is_worth_another_try(Code code) {
  switch (code) {
    case Code::kNotLeader:
    case Code::kNoLeader:
    case Code::kUnavailable:
    case Code::kUnknown:
      return true;
    case Code::kOk:
    case Code::kDeadline:  // the leader's word: the statements were too slow
    case Code::kInvalid:
    case Code::kTooLarge:
    case Code::kFull:
    case Code::kDiskFull:
    case Code::kFailed:
      return false;
  }
  return false;
}

}  // namespace

// One write on its way. Lives as long as somebody may still answer its client.
class WriteForwarder::Sending : public std::enable_shared_from_this<Sending> {
 public:
  Sending(WriteForwarder& owner, Errand errand)
      : owner_(owner), errand_(std::move(errand)), headers_(errand_.request.headers->keep()) {
    errand_.request.headers = headers_.get();
  }
  ~Sending() {
    owner_.forget(origin_.number);
    owner_.numbers_.end(origin_.number);
  }
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  [[nodiscard]] const command::Origin& origin() const { return origin_; }

  void attempt() EXCLUDES(mutex_) {
    const std::optional<Leader> leader = owner_.ways_.leader();
    if (!leader) return failed({Code::kNoLeader, "leader not found"});
    auto failed = [self = shared_from_this()](const Status& why) { self->failed(why); };
    bool again = false;
    {
      MutexLock lock(mutex_);
      tried_ = leader->id;
      is_late_ = false;
      call_ = {};
      if (!leader->is_self) again = std::exchange(was_sent_, true);
    }
    if (again && errand_.limits.on_again) errand_.limits.on_again();
    if (leader->is_self) {
      return errand_.reply->post([self = shared_from_this(), failed] {
        self->errand_.here(self->errand_.request, self->errand_.reply, self->origin_, failed);
      });
    }
    net::CallHandle call = owner_.ways_.send(*leader, errand_.request, origin_, errand_.limits,
                                             errand_.reply, std::move(failed));
    MutexLock lock(mutex_);
    // It may have ended, and the next have begun.
    if (tried_ != leader->id) return;
    if (is_late_) return call.give_up();
    call_ = std::move(call);
  }

  void leader_is(raft::RaftId leader) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    if (tried_ == leader) return;
    is_late_ = true;
    call_.give_up();
  }

 private:
  void failed(const Status& why) EXCLUDES(mutex_) {
    const TimePoint now = owner_.clock_.now();
    raft::RaftId tried;
    Status last = why;
    bool goes_on = is_worth_another_try(why.code());
    {
      MutexLock lock(mutex_);
      if (why.code() == Code::kUnknown && !unknown_) unknown_ = why;
      // What a later copy fails with says nothing about an earlier one.
      if (unknown_) last = *unknown_;
      if (!until_) {
        until_ = later(now, std::min(owner_.options_.patience, errand_.limits.timeout));
      }
      if (now >= *until_) goes_on = false;
      tried = tried_;
    }
    if (goes_on) {
      const std::optional<Leader> leader = owner_.ways_.leader();
      const bool another = leader && leader->id != tried;
      goes_on = owner_.ways_.later(another ? std::chrono::nanoseconds(0) : owner_.options_.pause,
                                   [self = shared_from_this()] { self->attempt(); });
    }
    if (!goes_on) errand_.reply->send(errand_.on_failure(last));
  }

  WriteForwarder& owner_;
  Errand errand_;
  const std::shared_ptr<const net::Headers> headers_;
  const command::Origin origin_ = owner_.numbers_.begin();

  Mutex mutex_;
  raft::RaftId tried_ GUARDED_BY(mutex_);
  bool was_sent_ GUARDED_BY(mutex_) = false;  // to another node
  bool is_late_ GUARDED_BY(mutex_) = false;   // for that one: another leads
  net::CallHandle call_ GUARDED_BY(mutex_);
  std::optional<Status> unknown_ GUARDED_BY(mutex_);   // the first outcome that nobody knows
  std::optional<TimePoint> until_ GUARDED_BY(mutex_);  // when it is given up
};

void WriteForwarder::forward(Errand errand) {
  const auto sending = std::make_shared<Sending>(*this, std::move(errand));
  {
    MutexLock lock(mutex_);
    sent_[sending->origin().number] = sending;
  }
  sending->attempt();
}

void WriteForwarder::leader_changed() {
  const std::optional<Leader> leader = ways_.leader();
  if (!leader) return;
  std::vector<std::shared_ptr<Sending>> all;
  {
    MutexLock lock(mutex_);
    for (const auto& [number, each] : sent_) {
      if (auto sending = each.lock()) all.push_back(std::move(sending));
    }
  }
  for (const auto& each : all) each->leader_is(leader->id);
}

void WriteForwarder::forget(std::uint64_t number) {
  MutexLock lock(mutex_);
  sent_.erase(number);
}

}  // namespace rqlite::cluster
