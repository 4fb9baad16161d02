#pragma once

#include <functional>

#include "command/request.h"
#include "command/result.h"
#include "sqlite/error.h"
#include "store/statement_runner.h"
#include "store/writer.h"

namespace rqlite::store {

// Runs one client request on the writing connection: alone, as the client thinks of it, or in a
// transaction that it shares with others, with exactly the same result and effect.
class RequestRunner {
 public:
  explicit RequestRunner(Writer& writer) : writer_(writer) {}

  // Whether the request can run inside a transaction of ours.
  bool runs_in_transaction(BytesView request);
  // Whether it may even share one with others, as far as can be told beforehand.
  bool is_groupable(BytesView request);

  enum class Outcome {
    kDone,     // it ran; what its statements did, or why they failed, is in the result
    kUngroup,  // it cannot share a transaction after all: roll back the group, run all alone
    kTrouble,  // this node's trouble, see trouble(); the result is void
  };

  // Preconditions: no transaction is open; the connection has no session but the writer's state.
  // Each statement, or with the flag `transaction` the whole request, commits by itself. Whatever
  // transaction the request leaves open is rolled back, and that is the request's error.
  Outcome run_alone(BytesView request, command::RequestResult& result);

  // Precondition: a transaction is open, in which every foreign key is satisfied. After kUngroup
  // it may have ended.
  Outcome run_in_group(BytesView request, command::RequestResult& result);

  // From now on asks `expired` before and while statements run; yes is trouble. Null ends that.
  // What is watched is only tried: in a group it goes on whatever it does there, as long as there
  // is a transaction to go on in.
  void watch(const std::function<bool()>& expired) {
    expired_ = expired;
    writer_.connection().watch(expired);
  }

  // The reason of the last kTrouble.
  [[nodiscard]] const Status& trouble() const { return trouble_; }
  // Whether run_alone() had committed something before it met trouble.
  [[nodiscard]] bool partly_committed() const { return partly_committed_; }

 private:
  Outcome run_statements(command::RequestReader& reader, bool atomic, bool in_group,
                         command::RequestResult& result, bool& failed);
  void leave_out(const command::RequestReader& reader, command::StatementResult& result);
  Outcome run_atomic_in_group(command::RequestReader& reader, command::RequestResult& result);
  Outcome end_alone(command::RequestResult& result);
  Outcome in_trouble(sqlite::Fault fault, const std::string& text);
  Outcome control(const char* sql);
  [[nodiscard]] bool must_ungroup(StatementRunner& runner);
  bool can_run_inside(BytesView request, bool beside_others);

  Writer& writer_;
  std::function<bool()> expired_;
  Status trouble_;
  bool partly_committed_ = false;
};

}  // namespace rqlite::store
