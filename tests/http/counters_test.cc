#include "http/counters.h"

#include <gtest/gtest.h>

namespace rqlite::http {
namespace {

TEST(CountersTest, AreAllThereFromTheStart) {
  EXPECT_EQ(Counters().to_tree().to_json(),
            R"({"auth_fail":0,"auth_ok":0,"backups":0,"boot":0,"execute_stmts_rx":0,)"
            R"("executions":0,"leader_not_found":0,"loads":0,"num_readyz":0,"num_status":0,)"
            R"("queries":0,"query_stmts_rx":0,"queued_executions":0,"queued_executions_wait":0,)"
            R"("queued_executions_wait_timeout":0,"request_stmts_rx":0,"requests":0,)"
            R"("sql_analyze":0,"tls_cert_fetched":0,"ui":0,"user_reaps":0,"user_snapshots":0})");
}

TEST(CountersTest, EachCountsUnderItsOwnName) {
  Counters counters;
  counters.add(Counter::kAuthFail);
  counters.add(Counter::kReadyz, 2);
  counters.add(Counter::kRequestStatements, 3);
  counters.add(Counter::kUserSnapshots, 4);
  const JsonTree tree = counters.to_tree();
  EXPECT_EQ(tree.at("auth_fail").to_json(), "1");
  EXPECT_EQ(tree.at("num_readyz").to_json(), "2");
  EXPECT_EQ(tree.at("request_stmts_rx").to_json(), "3");
  EXPECT_EQ(tree.at("user_snapshots").to_json(), "4");
}

}  // namespace
}  // namespace rqlite::http
