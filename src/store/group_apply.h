#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "command/command.h"
#include "command/result.h"
#include "store/outcomes.h"
#include "store/request_runner.h"
#include "store/writer.h"

namespace rqlite::store {

// Applies entries in order. To clients each request commits by itself; on disk many share one
// transaction, because that is twenty times as fast. A request that cannot share one runs alone,
// between two groups; if a group turns out not to be one, it is rolled back and its requests run
// alone. Either way results and content equal those of running every request alone. A request
// whose idempotency key is known does not run again.
//
// Threads: one, the apply thread's.
class GroupApply {
 public:
  // An entry's command, whose bytes must live until run() returned ok, and where its results go.
  struct Work {
    command::Command command;
    std::vector<command::RequestResult> results;
  };

  // A longer transaction saves nothing more, and keeps its first caller waiting.
  static constexpr std::size_t kGroupMax = 4096;

  // At most `group_max` requests share a transaction; 0: none, all run alone. `writer` and
  // `outcomes` must outlive *this.
  GroupApply(Writer& writer, Outcomes& outcomes, std::size_t group_max = kGroupMax)
      : writer_(writer), outcomes_(outcomes), group_max_(group_max), runner_(writer) {}

  // Takes the next entries in. Precondition: what was taken in before is done.
  void start(std::vector<Work> work);

  // Ok: all of it is applied and committed. Otherwise this node met trouble; if can_retry(), a
  // later call goes on where this one stopped. If not, the content is between two requests of an
  // entry, and only a restart, which replays the log, mends it.
  Status run();
  [[nodiscard]] bool can_retry() const { return can_retry_; }

  // Gives up what run() did not finish; nothing of it is left in the database but what was
  // committed.
  void abandon();

  // Precondition: run() returned ok.
  std::vector<Work> take() { return std::exchange(work_, {}); }

  // How often groups formed, and fell apart. For status.
  [[nodiscard]] std::uint64_t groups() const { return groups_; }
  [[nodiscard]] std::uint64_t ungrouped() const { return ungrouped_; }

 private:
  // A request of an entry; the first one, or an entry without any, also begins the entry.
  struct Item {
    std::size_t work;
    std::size_t request;
    bool begins_entry;
    bool has_request;
  };

  void enter(const Item& item);
  [[nodiscard]] BytesView request_of(const Item& item) const;
  [[nodiscard]] command::RequestResult& result_of(const Item& item);
  [[nodiscard]] bool is_groupable(const Item& item);
  Status run_group();
  Status run_alone(std::size_t end);
  Status give_up(const Writer::Mark& mark, const Status& why);

  // Whether the request is not to run, because of its key or because it is a refused one. Its
  // result says so then.
  bool answered_unrun(BytesView request, command::RequestResult& result);
  // What a request did counts, and is kept under its key if it has one.
  void keep(BytesView request, const command::RequestResult& result);
  // What was kept is committed.
  void commit_kept();

  Writer& writer_;
  Outcomes& outcomes_;
  const std::size_t group_max_;
  RequestRunner runner_;
  std::vector<Work> work_;
  std::vector<Item> items_;
  std::size_t next_ = 0;  // the first item that is not committed
  bool can_retry_ = true;
  DatabaseCounts counts_;  // of what is not committed
  std::uint64_t groups_ = 0;
  std::uint64_t ungrouped_ = 0;
};

}  // namespace rqlite::store
