#include "store/maintenance_record.h"

#include <gtest/gtest.h>

namespace rqlite::store {
namespace {

using namespace std::chrono_literals;

TEST(MaintenanceRecordTest, HasALineForEachTaskThatIsOn) {
  MaintenanceRecord record;
  EXPECT_EQ(encode_maintenance(record), "");
  record[MaintenanceTask::kOptimize] = MaintenanceTimes{WallTime(1500ms), WallTime(1s)};
  EXPECT_EQ(encode_maintenance(record), "optimize 1500 1000\n");
  record[MaintenanceTask::kVacuum] = MaintenanceTimes{WallTime(1795347287398ms), {}};
  EXPECT_EQ(encode_maintenance(record), "vacuum 1795347287398 -\noptimize 1500 1000\n");
}

TEST(MaintenanceRecordTest, ReadsWhatItWrote) {
  for (const char* text : {"", "vacuum 1 -\n", "optimize 1 2\n", "vacuum 3 4\noptimize 0 0\n"}) {
    const auto record = decode_maintenance(text);
    ASSERT_TRUE(record) << text;
    EXPECT_EQ(encode_maintenance(*record), text);
  }
}

TEST(MaintenanceRecordTest, NothingElseIsOne) {
  for (const char* text :
       {"x", "\n", "vacuum", "vacuum 1", "vacuum 1 -", "vacuum 1 - \n", "vacuum  1 -\n",
        "vacuum x -\n", "vacuum 1 x\n", "vacuum - -\n", "vacuum -1 -\n", "vacuum +1 -\n",
        "vacuum 1 \n", "Vacuum 1 -\n", "backup 1 -\n", "vacuum 1 -\nvacuum 2 -\n",
        "vacuum 9000000000001 -\n", "vacuum 1 99999999999999999999\n", "vacuum 1 -\n\n"}) {
    EXPECT_FALSE(decode_maintenance(text)) << text;
  }
}

}  // namespace
}  // namespace rqlite::store
