#pragma once

#include "store/maintenance.h"

namespace rqlite::store {

class Store;

// What maintenance means for a store: VACUUM if there is room on the disk for it, and ANALYZE, of
// bounded length, for tables whose statistics are missing or out of date.
class MaintenanceWork final : public MaintenanceTarget {
 public:
  explicit MaintenanceWork(Store& store) : store_(store) {}  // must outlive it

  Status may_maintain() override;
  void plan(MaintenanceTask task, std::function<void(Result<Statements>)> then) override;
  void run(const Statements& statements, std::function<void(Status)> then) override;

 private:
  Status check_room_for_vacuum();

  Store& store_;
};

}  // namespace rqlite::store
