#include "raft/rollback.h"

#include <fmt/format.h>

#include <optional>

namespace rqlite::raft {
namespace {

Status forgotten(const std::string& what) {
  return {Code::kFailed, what +
                             ": its data directory is older than what it has promised. Empty it "
                             "and let the node join its cluster again"};
}

Status check_heartbeat(const MessageContent& content, const Core::Status& own) {
  if (content.commit > own.last) {
    return forgotten(
        fmt::format("this node's log ends at entry {}, but it has acknowledged entry {}",
                    own.last.value(), content.commit.value()));
  }
  if (content.term > own.term && content.commit > Index()) {
    return forgotten(fmt::format(
        "this node knows of no term after {}, but it has acknowledged entry {} in term {}",
        own.term.value(), content.commit.value(), content.term.value()));
  }
  return {};
}

// The first entry that is committed here and another one at the leader, as the leader has it.
std::optional<EntryId> find_contradiction(const MessageContent& content, BytesView message,
                                          const Core& core, Index commit) {
  const auto differs = [&](const EntryId& theirs) {
    if (theirs.index == Index() || theirs.index > commit) return false;
    const Term ours = core.term(theirs.index);
    return ours != Term() && ours != theirs.term;
  };
  if (differs(content.before)) return content.before;
  if (content.entries == 0 || content.before.index >= commit) return std::nullopt;
  for (const EntryId& each : entries_of(message)) {
    if (differs(each)) return each;
  }
  return std::nullopt;
}

Status check_append(const MessageContent& content, BytesView message, const Core& core,
                    Index commit) {
  const std::optional<EntryId> theirs = find_contradiction(content, message, core, commit);
  if (!theirs) return {};
  // A leader that takes our word for what its log does not reach finds no term there.
  const std::string there =
      theirs->term == Term()
          ? "the log of the cluster ends before it"
          : fmt::format("of term {} where the cluster goes on", theirs->term.value());
  return {Code::kFailed,
          fmt::format("this node has applied what its cluster does not have: entry {} is of term "
                      "{} here, and {}. Other members have lost what they acknowledged, or were "
                      "given older copies of their data directories. Put this node's data "
                      "directory away, for nobody else has what is in it, and let it join its "
                      "cluster again with an empty one",
                      theirs->index.value(), core.term(theirs->index).value(), there)};
}

}  // namespace

Status find_rollback(const MessageContent& content, BytesView message, const Core& core) {
  if (!content.is_heartbeat && !content.is_append) return {};
  const Core::Status own = core.status();
  // The core ignores both.
  const bool is_old = content.term < own.term;
  const bool is_second = content.term == own.term && own.role == Role::kLeader;
  if (is_old || is_second) return {};
  if (content.is_heartbeat) return check_heartbeat(content, own);
  return check_append(content, message, core, own.commit);
}

}  // namespace rqlite::raft
