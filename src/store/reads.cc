#include "store/reads.h"

#include <functional>
#include <optional>
#include <utility>

#include "store/barrier.h"
#include "store/query_runner.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

// A read that waits for the leader's confirmation, then for its index.
class ConfirmedRead final : public raft::Read {
 public:
  using Then = std::function<void(const Status&, raft::Index)>;
  ConfirmedRead(Then then, const Clock& clock, TimePoint deadline)
      : then_(std::move(then)), clock_(clock), deadline_(deadline) {}
  void ready(raft::Index index) override { then_({}, index); }
  void failed(const Status& why) override { then_(why, {}); }
  [[nodiscard]] bool is_late() const override { return clock_.now() >= deadline_; }

 private:
  const Then then_;
  const Clock& clock_;
  const TimePoint deadline_;
};

}  // namespace

void Reads::query(Query query, std::unique_ptr<QuerySink> sink) {
  switch (query.level) {
    case Level::kNone:
      if (query.freshness != 0s && !is_fresh(query)) {
        return sink->finished({Code::kUnavailable, "stale read"}, {});
      }
      return run_here(std::move(query), std::move(sink), {});
    case Level::kWeak: {
      Status status = view_.leads();
      if (status.ok() && !view_.is_ready(applied_.value()))
        status = {Code::kUnavailable, "store not ready"};
      if (!status.ok()) return sink->finished(status, {});
      return run_here(std::move(query), std::move(sink), {});
    }
    case Level::kLinearizable:
      return linearizable(std::move(query), std::move(sink));
    case Level::kStrong:
      return strong(std::move(query), std::move(sink));
  }
}

void Reads::linearizable(Query query, std::unique_ptr<QuerySink> sink) {
  const TimePoint began = clock_.now();
  const TimePoint deadline = later(began, query.linearizable_timeout);
  // Shared, because callbacks are copied about; each runs once.
  auto read = std::make_shared<std::pair<Query, std::unique_ptr<QuerySink>>>(std::move(query),
                                                                             std::move(sink));
  const bool leads = view_.is_leader();
  auto confirmed_read = std::make_unique<ConfirmedRead>(
      [this, read, began, deadline, leads](const Status& confirmed, raft::Index index) {
        if (leads) last_confirmation_ns_ = (clock_.now() - began).count();
        if (leads) confirmations_++;
        if (leads && !confirmed.ok()) failed_confirmations_++;
        if (!confirmed.ok()) return read->second->finished(confirmed, {});
        applied_.when(index, deadline, [this, read](const Status& status) {
          if (!status.ok()) return read->second->finished(status, {});
          run_there(std::move(read->first), std::move(read->second), {});
        });
      },
      clock_, deadline);
  bool is_first = false;
  {
    MutexLock lock(mutex_);
    is_first = gathered_.empty();
    gathered_.push_back(std::move(confirmed_read));
  }
  if (is_first && !read->second->post([this] { confirm_gathered(); })) confirm_gathered();
}

void Reads::confirm_gathered() {
  std::vector<std::unique_ptr<raft::Read>> reads;
  {
    MutexLock lock(mutex_);
    reads.swap(gathered_);
  }
  log_.confirm(std::move(reads));
}

// Of a read nothing is unknown.
Status Reads::why_not_confirmed(const Status& why) {
  const Status status = view_.leads();
  return status.ok() ? Status(Code::kUnavailable, why.text()) : status;
}

void Reads::strong(Query query, std::unique_ptr<QuerySink> sink) {
  auto read = std::make_shared<std::pair<Query, std::unique_ptr<QuerySink>>>(std::move(query),
                                                                             std::move(sink));
  log_.put_barrier(std::make_unique<Barrier>([this, read](const Status& status, raft::Index index) {
    if (status.code() == Code::kUnknown)
      return read->second->finished(why_not_confirmed(status), {});
    if (!status.ok()) return read->second->finished(status, {});
    strong_term_ = log_.applied_term().value();
    run_there(std::move(read->first), std::move(read->second), index);
  }));
}

void Reads::run(Query query, std::unique_ptr<QuerySink> sink, raft::Index index) {
  auto read = std::make_shared<std::pair<Query, std::unique_ptr<QuerySink>>>(std::move(query),
                                                                             std::move(sink));
  const TimePoint deadline = deadline_in(read->first.timeout);
  read->second->leave();
  readers_.submit([this, read, index, deadline](Result<ReaderPool::Reader> taken) {
    if (!taken.ok()) return read->second->finished(taken.error(), {});
    Status status;
    {
      // Free again before the client hears of it, and may come with the next one.
      const ReaderPool::Reader reader = std::move(*taken);
      QueryRunner runner(reader.connection(), reader.cache(), clock_);
      status = runner.run(read->first, deadline, reader.stopping(), *read->second);
      tally_.add(runner.counts());
    }
    read->second->finished(status, index);
  });
}

void Reads::run_there(Query query, std::unique_ptr<QuerySink> sink, raft::Index index) {
  auto read = std::make_shared<std::pair<Query, std::unique_ptr<QuerySink>>>(std::move(query),
                                                                             std::move(sink));
  const bool posted = read->second->post(
      [this, read, index] { run_here(std::move(read->first), std::move(read->second), index); });
  if (!posted) run(std::move(read->first), std::move(read->second), index);
}

void Reads::run_here(Query query, std::unique_ptr<QuerySink> sink, raft::Index index) {
  if (std::optional<ReaderPool::Reader> reader = readers_.try_take()) {
    QueryRunner runner(reader->connection(), reader->cache(), clock_);
    Status status;
    if (runner.run_if_short(query, deadline_in(query.timeout), *sink, status)) {
      tally_.add(runner.counts());
      reader.reset();
      return sink->finished(status, index);
    }
  }
  run(std::move(query), std::move(sink), index);
}

Reads::Report Reads::report() const {
  return {raft::Term(strong_term_), confirmations_, failed_confirmations_,
          std::chrono::nanoseconds(last_confirmation_ns_), tally_.read()};
}

bool Reads::is_fresh(const Query& query) {
  if (view_.is_leader()) return true;
  if (!view_.in_contact_within(query.freshness)) return false;
  return !query.freshness_is_strict || !log_.lags_by_more_than(query.freshness);
}

TimePoint Reads::deadline_in(std::chrono::nanoseconds timeout) const {
  return timeout > 0s ? later(clock_.now(), timeout) : TimePoint::max();
}

}  // namespace rqlite::store
