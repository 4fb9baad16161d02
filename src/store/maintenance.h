#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/thread.h"
#include "store/maintenance_record.h"
#include "store/maintenance_schedule.h"

namespace rqlite::store {

// The store as its maintenance sees it. Called on the thread of Maintenance.
class MaintenanceTarget {
 public:
  using Statements = std::vector<std::string>;
  virtual ~MaintenanceTarget() = default;

  // Ok if this node can change the database now; kNotLeader if another one can.
  virtual Status may_maintain() = 0;
  // Tells `then`, once and on any thread, which SQL statements do the task now: none if there is
  // nothing to do, or why it cannot be done.
  virtual void plan(MaintenanceTask task, std::function<void(Result<Statements>)> then) = 0;
  // Runs them as one request through the log; `then` is called once, on any thread.
  virtual void run(const Statements& statements, std::function<void(Status)> then) = 0;
};

// VACUUM and the analysis of tables, each at least an interval apart, across restarts, on the node
// that leads: what it does goes through the log as a request of its own, so that replicas stay
// alike. A node that does not lead when its time has come leaves it to the one that does and waits
// for another interval.
//
// That a task is tried is noted on the disk before: a node that dies of it does not try again at
// each start. What fails is tried again after ten minutes, or an interval if that is shorter.
//
// Threads: its own, "maintenance", unless nothing is switched on; report() from any. Stop: stop(),
// which does not wait for what was begun. The target's callbacks may come until the destructor.
class Maintenance {
 public:
  struct Options {
    // Zero: never.
    Nanos vacuum_interval{0};
    Nanos optimize_interval{0};
  };

  // The file at `path` is read, and brought in line with what is switched on: what is not, is
  // forgotten. A file that cannot be read is as good as none. All must outlive it.
  Maintenance(const Options& options, FileSystem& files, std::string path, const Clock& clock,
              MaintenanceTarget& target);
  ~Maintenance() { stop(); }
  Maintenance(const Maintenance&) = delete;
  Maintenance& operator=(const Maintenance&) = delete;

  void stop() EXCLUDES(mutex_);

  struct TaskReport {
    bool is_on = false;
    std::uint64_t runs = 0;      // that succeeded
    std::uint64_t failures = 0;  // tries that did not
    Nanos last_duration{0};      // of the last try
    WallTime next;               // not before; by the time of day as it is now
    std::optional<WallTime> last;
  };
  using Report = PerTask<TaskReport>;
  [[nodiscard]] Report report() EXCLUDES(mutex_);

 private:
  struct Task {
    std::optional<MaintenanceSchedule> schedule;  // none: switched off
    std::uint64_t runs = 0;
    std::uint64_t failures = 0;
    Nanos last_duration{0};
  };

  void load(const Options& options) EXCLUDES(mutex_);
  void run() EXCLUDES(mutex_);
  // Blocks until a task is due; none: stopping.
  std::optional<MaintenanceTask> next() EXCLUDES(mutex_);
  void attend(MaintenanceTask task) EXCLUDES(mutex_);
  // How the task went; none: stopping.
  std::optional<Status> carry_out(MaintenanceTask task) EXCLUDES(mutex_);
  std::optional<Result<MaintenanceTarget::Statements>> plan(MaintenanceTask task) EXCLUDES(mutex_);
  std::optional<Status> run_statements(const MaintenanceTarget::Statements& statements)
      EXCLUDES(mutex_);
  void settle(MaintenanceTask task, const Status& outcome, Nanos took) EXCLUDES(mutex_);
  // Brings the record, as `change` leaves it, to the disk.
  Status change_record(const std::function<void(MaintenanceRecord&)>& change) EXCLUDES(mutex_);

  // Constant after construction.
  FileSystem& files_;
  const std::string path_;
  const Clock& clock_;
  MaintenanceTarget& target_;

  Mutex mutex_;
  CondVar changed_;  // an answer came, or stopping_ was set
  bool stopping_ GUARDED_BY(mutex_) = false;
  PerTask<Task> tasks_ GUARDED_BY(mutex_);
  MaintenanceRecord record_ GUARDED_BY(mutex_);
  // What the target answered, until the thread takes it.
  std::optional<Result<MaintenanceTarget::Statements>> planned_ GUARDED_BY(mutex_);
  std::optional<Status> outcome_ GUARDED_BY(mutex_);

  Thread thread_;
};

}  // namespace rqlite::store
