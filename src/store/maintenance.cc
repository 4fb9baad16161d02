#include "store/maintenance.h"

#include <algorithm>
#include <utility>

#include "base/duration.h"
#include "base/log.h"

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

constexpr Nanos kRetryAfterFailure = 10min;
// While nobody leads, or this node is not ready yet.
constexpr Nanos kLookAgain = 1s;

}  // namespace

Maintenance::Maintenance(const Options& options, FileSystem& files, std::string path,
                         const Clock& clock, MaintenanceTarget& target)
    : files_(files), path_(std::move(path)), clock_(clock), target_(target) {
  load(options);
  const bool any = std::max(options.vacuum_interval, options.optimize_interval) > Nanos::zero();
  if (any) thread_ = Thread("maintenance", [this] { run(); });
}

void Maintenance::load(const Options& options) {
  MaintenanceRecord before;
  if (const Result<bool> exists = files_.exists(path_); exists.ok() && *exists) {
    const Result<Bytes> text = files_.read_file(path_);
    const auto read = text.ok() ? decode_maintenance(*text) : std::nullopt;
    if (read) {
      before = *read;
    } else {
      log("store", "{} cannot be read, maintenance begins to count anew", path_);
    }
  }
  const WallTime now = clock_.wall_now();
  MaintenanceRecord record;
  {
    MutexLock lock(mutex_);
    const auto switch_on = [&](MaintenanceTask task, Nanos interval) REQUIRES(mutex_) {
      if (interval <= Nanos::zero()) return;
      MaintenanceTimes times = before[task].value_or(MaintenanceTimes{now, {}});
      times.since = std::min(times.since, now);
      record[task] = times;
      tasks_[task].schedule.emplace(interval, times.since, now, clock_.now());
    };
    switch_on(MaintenanceTask::kVacuum, options.vacuum_interval);
    switch_on(MaintenanceTask::kOptimize, options.optimize_interval);
    record_ = record;
  }
  if (record == before) return;
  const Status written = record == MaintenanceRecord()
                             ? files_.remove(path_)
                             : files_.replace_file(path_, encode_maintenance(record));
  if (!written.ok()) log("store", "maintenance times are not kept: {}", written.text());
}

void Maintenance::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Maintenance::Report Maintenance::report() {
  Report report;
  const TimePoint now = clock_.now();
  const WallTime wall_now = clock_.wall_now();
  MutexLock lock(mutex_);
  for (const MaintenanceTask task : kMaintenanceTasks) {
    const Task& from = tasks_[task];
    TaskReport& to = report[task];
    to.is_on = from.schedule.has_value();
    to.runs = from.runs;
    to.failures = from.failures;
    to.last_duration = from.last_duration;
    if (!to.is_on) continue;
    to.next = wall_now + std::chrono::duration_cast<WallTime::duration>(from.schedule->due() - now);
    if (record_[task]) to.last = record_[task]->last;
  }
  return report;
}

void Maintenance::run() {
  while (const std::optional<MaintenanceTask> task = next()) attend(*task);
}

std::optional<MaintenanceTask> Maintenance::next() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    std::optional<MaintenanceTask> first;
    for (const MaintenanceTask task : kMaintenanceTasks) {
      if (!tasks_[task].schedule) continue;
      if (!first || tasks_[task].schedule->due() < tasks_[*first].schedule->due()) first = task;
    }
    const TimePoint due = tasks_[*first].schedule->due();
    if (clock_.now() >= due) return first;
    clock_.wait_until(changed_, mutex_, due);
  }
  return std::nullopt;
}

void Maintenance::attend(MaintenanceTask task) {
  const Status may = target_.may_maintain();
  const TimePoint began = clock_.now();
  if (!may.ok()) {
    MutexLock lock(mutex_);
    MaintenanceSchedule& schedule = *tasks_[task].schedule;
    if (may.code() == Code::kNotLeader) {
      schedule.restart(began);
    } else {
      schedule.look_again(began, kLookAgain);
    }
    return;
  }
  if (const std::optional<Status> outcome = carry_out(task)) {
    settle(task, *outcome, clock_.now() - began);
  }
}

std::optional<Status> Maintenance::carry_out(MaintenanceTask task) {
  const auto planned = plan(task);
  if (!planned) return std::nullopt;
  if (!planned->ok()) return planned->error();
  const WallTime now = clock_.wall_now();
  const Status noted =
      change_record([task, now](MaintenanceRecord& record) { record[task]->since = now; });
  if (!noted.ok() || (*planned)->empty()) return noted;
  return run_statements(**planned);
}

std::optional<Result<MaintenanceTarget::Statements>> Maintenance::plan(MaintenanceTask task) {
  target_.plan(task, [this](Result<MaintenanceTarget::Statements> planned) {
    MutexLock lock(mutex_);
    planned_ = std::move(planned);
    changed_.notify_all();  // under the lock: the destructor may only wait for that
  });
  MutexLock lock(mutex_);
  while (!planned_ && !stopping_) changed_.wait(mutex_);
  return std::exchange(planned_, std::nullopt);
}

std::optional<Status> Maintenance::run_statements(const MaintenanceTarget::Statements& statements) {
  target_.run(statements, [this](Status outcome) {
    MutexLock lock(mutex_);
    outcome_ = std::move(outcome);
    changed_.notify_all();
  });
  MutexLock lock(mutex_);
  while (!outcome_ && !stopping_) changed_.wait(mutex_);
  return std::exchange(outcome_, std::nullopt);
}

void Maintenance::settle(MaintenanceTask task, const Status& outcome, Nanos took) {
  {
    MutexLock lock(mutex_);
    Task& done = tasks_[task];
    done.last_duration = took;
    if (outcome.ok()) {
      done.runs++;
      done.schedule->restart(clock_.now());
    } else {
      done.failures++;
      done.schedule->look_again(clock_.now(), kRetryAfterFailure);
    }
  }
  if (!outcome.ok()) {
    return log("store", "auto-{} failed: {}", name_of(task), outcome.text());
  }
  log("store", "auto-{} took {}", name_of(task), format_duration(took));
  const WallTime now = clock_.wall_now();
  const Status noted =
      change_record([task, now](MaintenanceRecord& record) { record[task]->last = now; });
  if (!noted.ok()) log("store", "maintenance times are not kept: {}", noted.text());
}

Status Maintenance::change_record(const std::function<void(MaintenanceRecord&)>& change) {
  Bytes text;
  {
    MutexLock lock(mutex_);
    change(record_);
    text = encode_maintenance(record_);
  }
  return files_.replace_file(path_, text);
}

}  // namespace rqlite::store
