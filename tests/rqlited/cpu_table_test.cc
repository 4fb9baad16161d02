#include "rqlited/cpu_table.h"

#include <gtest/gtest.h>

namespace rqlite::rqlited {
namespace {

using namespace std::chrono_literals;

TEST(CpuTableTest, HasTheBusiestFirstAndThenTheEndedAndAll) {
  EXPECT_EQ(cpu_table({{"queue", 12, 250ms, 1ms}, {"raft", 11, 1500ms, 2s}}, 4s, 12345ms),
            "Processor time by thread, in the 12.3 s that the process ran.\n"
            "\n"
            "thread                id       ran s    waited s    share\n"
            "raft                  11       1.500       2.000    37.5%\n"
            "queue                 12       0.250       0.001     6.2%\n"
            "(ended)                        2.250                56.2%\n"
            "(all)                          4.000               100.0%\n");
}

TEST(CpuTableTest, NothingIsNegativeOrDividedByZero) {
  const std::string table = cpu_table({{"main", 1, 10ms, 0s}}, 8ms, 0s);
  EXPECT_NE(table.find("(ended)                        0.000                 0.0%\n"),
            std::string::npos)
      << table;
  EXPECT_NE(cpu_table({}, 0s, 0s).find("(all)                          0.000                 0.0%"),
            std::string::npos);
}

TEST(CpuTableTest, OfThisProcessHasThisThread) {
  EXPECT_NE(cpu_table_of_this_process(1s).find("rqlited_test"), std::string::npos);
}

}  // namespace
}  // namespace rqlite::rqlited
