#include "cluster/errands.h"

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

// One errand on its way. Lives as long as somebody may still answer its client.
class Errands::Running : public std::enable_shared_from_this<Running> {
 public:
  Running(Errands& owner, std::uint64_t id, Errand errand)
      : owner_(owner),
        id_(id),
        errand_(std::move(errand)),
        headers_(errand_.request.headers->keep()),
        kind_(static_cast<std::size_t>(passed_on_kind(errand_.request.path))),
        ends_(later(owner.clock_.now(), errand_.within)) {
    errand_.request.headers = headers_.get();
    errand_.limits.may_repeat = errand_.may_repeat;
    // Who calls this is to tell this one how it ended, and so keeps it.
    errand_.limits.on_again = [this](const Status& why) { note_repeated(why); };
    errand_.limits.is_in_doubt = [this] { return is_in_doubt(); };
    if (errand_.may_write) origin_ = owner_.numbers_.begin();
  }
  ~Running() {
    owner_.forget(id_);
    if (origin_) owner_.numbers_.end(origin_->number);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void attempt() EXCLUDES(mutex_) {
    const std::optional<Leader> leader = owner_.ways_.leader();
    if (!leader) return failed({Code::kNoLeader, "leader not found"});
    auto failed = [self = shared_from_this()](const Status& why) { self->failed(why); };
    Forwarder::Limits limits = errand_.limits;
    {
      MutexLock lock(mutex_);
      tried_ = leader->id;
      is_late_ = false;
      call_ = {};
      if (!leader->is_self) note_sending();
      if (!errand_.may_write) limits.within = ends_ - owner_.clock_.now();
      if (until_ && !errand_.may_write) {
        // One that is tried again has only what is left of its time.
        const auto left = std::max<std::chrono::nanoseconds>(*until_ - owner_.clock_.now(),
                                                             owner_.options_.pause);
        limits.timeout = std::min(limits.timeout, left);
        limits.may_repeat = false;
      }
    }
    if (leader->is_self) {
      return errand_.reply->post([self = shared_from_this(), failed] {
        self->errand_.here(self->errand_.request, self->errand_.reply, self->origin_, failed);
      });
    }
    net::CallHandle call = owner_.ways_.send(*leader, errand_.request, origin_, std::move(limits),
                                             errand_.reply, std::move(failed));
    MutexLock lock(mutex_);
    // It may have ended, and the next have begun.
    if (tried_ != leader->id) return;
    if (is_late_) return call.give_up();
    call_ = std::move(call);
  }

  void leader_is(raft::RaftId leader) EXCLUDES(mutex_) {
    // Only the one before knows what became of what cannot be sent again.
    if (!errand_.may_repeat) return;
    MutexLock lock(mutex_);
    if (tried_ == leader) return;
    is_late_ = true;
    call_.give_up();
  }

 private:
  void note_sending() REQUIRES(mutex_) {
    Counters& counters = owner_.counters_;
    (std::exchange(was_sent_, true) ? counters.retries : counters.passed_on)[kind_]++;
  }

  void note_repeated(const Status& why) EXCLUDES(mutex_) {
    owner_.counters_.retries[kind_]++;
    MutexLock lock(mutex_);
    note_unknown(why);
  }
  bool is_in_doubt() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return unknown_.has_value();
  }
  // What a later copy of a write fails with says nothing about an earlier one.
  void note_unknown(const Status& why) REQUIRES(mutex_) {
    if (why.code() == Code::kUnknown && errand_.may_write && !unknown_) unknown_ = why;
  }

  void failed(const Status& why) EXCLUDES(mutex_) {
    const TimePoint now = owner_.clock_.now();
    const std::optional<Leader> leader = owner_.ways_.leader();
    bool another = false;
    Status last = why;
    bool goes_on = is_worth_another_try(why.code());
    bool was_sent = false;
    {
      MutexLock lock(mutex_);
      note_unknown(why);
      if (unknown_) last = *unknown_;
      if (!until_) {
        const auto patience = std::min(owner_.options_.patience, errand_.limits.timeout);
        until_ = std::min(later(now, patience), ends_);
      }
      another = leader && leader->id != tried_;
      // A leader whose disk is full may hand over, and the next one knows what became of a copy
      // that the log took.
      if (why.code() == Code::kDiskFull) goes_on = another || unknown_;
      if (why.code() == Code::kUnknown && !errand_.may_repeat) goes_on = false;
      if (now >= *until_) goes_on = false;
      was_sent = was_sent_;
    }
    if (goes_on) {
      goes_on = owner_.ways_.later(another ? std::chrono::nanoseconds(0) : owner_.options_.pause,
                                   [self = shared_from_this()] { self->attempt(); });
    }
    if (goes_on) return;
    if (was_sent) owner_.counters_.failed[kind_]++;
    errand_.reply->send(errand_.on_failure(last));
  }

  Errands& owner_;
  const std::uint64_t id_;
  Errand errand_;
  const std::shared_ptr<const net::Headers> headers_;
  const std::size_t kind_;  // what it counts as
  const TimePoint ends_;    // its client's patience
  std::optional<command::Origin> origin_;

  Mutex mutex_;
  raft::RaftId tried_ GUARDED_BY(mutex_);
  bool was_sent_ GUARDED_BY(mutex_) = false;  // to another node
  bool is_late_ GUARDED_BY(mutex_) = false;   // for that one: another leads
  net::CallHandle call_ GUARDED_BY(mutex_);
  std::optional<Status> unknown_ GUARDED_BY(mutex_);   // the first outcome that nobody knows
  std::optional<TimePoint> until_ GUARDED_BY(mutex_);  // when it is given up
};

void Errands::run(Errand errand) {
  std::uint64_t id = 0;
  {
    MutexLock lock(mutex_);
    id = next_id_++;
  }
  const auto running = std::make_shared<Running>(*this, id, std::move(errand));
  {
    MutexLock lock(mutex_);
    running_[id] = running;
  }
  running->attempt();
}

bool Errands::expects_leader() {
  const std::optional<Leader> leader = ways_.leader();
  const TimePoint now = clock_.now();
  MutexLock lock(mutex_);
  note(leader, now);
  return leader || (lost_at_ && now < later(*lost_at_, options_.patience));
}

void Errands::await_leader(std::function<void(bool)> then) {
  const std::optional<Leader> leader = ways_.leader();
  const TimePoint now = clock_.now();
  std::uint64_t id = 0;
  std::chrono::nanoseconds left{0};
  {
    MutexLock lock(mutex_);
    note(leader, now);
    if (!leader && lost_at_) left = later(*lost_at_, options_.patience) - now;
    if (left > std::chrono::nanoseconds(0)) {
      id = next_id_++;
      awaiting_.emplace(id, std::move(then));
    }
  }
  if (left <= std::chrono::nanoseconds(0)) return then(leader.has_value());
  auto give_up = [this, id] {
    std::function<void(bool)> gives_up;
    {
      MutexLock lock(mutex_);
      const auto found = awaiting_.find(id);
      if (found == awaiting_.end()) return;
      gives_up = std::move(found->second);
      awaiting_.erase(found);
    }
    gives_up(false);
  };
  if (!ways_.later(left, give_up)) return give_up();
  // One may have come before anybody knew of this.
  if (ways_.leader()) release_awaiting();
}

void Errands::release_awaiting() {
  std::map<std::uint64_t, std::function<void(bool)>> all;
  {
    MutexLock lock(mutex_);
    all.swap(awaiting_);
  }
  for (const auto& [id, then] : all) then(true);
}

void Errands::leader_changed() {
  const std::optional<Leader> leader = ways_.leader();
  const TimePoint now = clock_.now();
  std::vector<std::shared_ptr<Running>> all;
  {
    MutexLock lock(mutex_);
    note(leader, now);
    if (!leader) return;
    for (const auto& [id, each] : running_) {
      if (auto running = each.lock()) all.push_back(std::move(running));
    }
  }
  for (const auto& each : all) each->leader_is(leader->id);
  release_awaiting();
}

void Errands::note(const std::optional<Leader>& leader, TimePoint now) {
  if (leader) {
    lost_at_.reset();
  } else if (had_leader_) {
    lost_at_ = now;
  }
  had_leader_ = leader.has_value();
}

void Errands::forget(std::uint64_t id) {
  MutexLock lock(mutex_);
  running_.erase(id);
}

}  // namespace rqlite::cluster
