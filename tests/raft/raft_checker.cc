#include "raft/raft_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "base/random.h"

namespace rqlite::raft {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) { return Random(a ^ Random(b).next()).next(); }

}  // namespace

RaftChecker::Figures& RaftChecker::Figures::operator+=(const Figures& other) {
  terms_led += other.terms_led;
  acknowledged += other.acknowledged;
  refused += other.refused;
  reads += other.reads;
  return *this;
}

void RaftChecker::fail(std::string what) {
  if (breach_.empty()) breach_ = std::move(what);
}

std::uint64_t RaftChecker::hash(const EntryView& entry) {
  return mix(std::hash<BytesView>()(entry.data), static_cast<std::uint64_t>(entry.kind));
}

RaftChecker::Place& RaftChecker::place(Index index) {
  if (index.value() >= places_.size()) places_.resize(index.value() + 1);
  return places_[index.value()];
}

void RaftChecker::writes(RaftId member, bool leads, const LogContent& log,
                         std::span<const EntryView> entries) {
  if (entries.empty()) return;
  if (leads && entries.front().index <= log.last()) {
    fail(fmt::format("leader {} replaces entry {}", member.value(), entries.front().index.value()));
  }
  std::optional<Term> before = log.term(Index(entries.front().index.value() - 1));
  for (const EntryView& entry : entries) {
    if (!before) {
      return fail(
          fmt::format("{} writes entry {} behind nothing", member.value(), entry.index.value()));
    }
    const std::uint64_t key = entry.index.value() << 32 | entry.term.value();
    const auto [link, is_new] = links_.try_emplace(key, Link{hash(entry), *before});
    if (!is_new && (link->second.hash != hash(entry) || link->second.before != *before)) {
      fail(fmt::format("{} has an entry {} of term {} that others have otherwise", member.value(),
                       entry.index.value(), entry.term.value()));
    }
    before = entry.term;
  }
}

void RaftChecker::stands(RaftId member, const Core::Status& status, const LogContent& log) {
  if (status.role == Role::kLeader) comes_to_lead(member, status.term, log);
  Index& known = commits_[member];
  for (Index index = std::max(known, log.before).next(); index <= status.commit;
       index = index.next()) {
    const std::optional<Term> term = log.term(index);
    if (!term) {
      return fail(fmt::format("{} takes entry {} for committed, which it does not have",
                              member.value(), index.value()));
    }
    commits(member, status.term, index, *term);
  }
  known = std::max(known, status.commit);
}

void RaftChecker::commits(RaftId member, Term now, Index index, Term term) {
  Place& there = place(index);
  if (there.committed && there.term != term) {
    fail(fmt::format("entry {} was committed with term {}; for {} it has term {}", index.value(),
                     there.term.value(), member.value(), term.value()));
  }
  if (!there.committed) there.committed_in = now;
  there.committed = true;
  there.term = term;
}

void RaftChecker::comes_to_lead(RaftId member, Term term, const LogContent& log) {
  const auto [leader, is_new] = leaders_.try_emplace(term, member);
  if (leader->second != member) {
    fail(fmt::format("{} and {} both lead in term {}", leader->second.value(), member.value(),
                     term.value()));
  }
  if (!is_new) return;
  figures_.terms_led++;
  for (Index index = log.before.next(); index.value() < places_.size(); index = index.next()) {
    const Place& there = place(index);
    if (there.committed && there.committed_in < term && log.term(index) != there.term) {
      return fail(fmt::format("{} leads in term {} without the committed entry {}", member.value(),
                              term.value(), index.value()));
    }
  }
}

RaftChecker::Digest RaftChecker::applies(RaftId member, Digest before, const EntryView& entry,
                                         std::uint64_t proposal) {
  Place& there = place(entry.index);
  if (!there.committed || there.term != entry.term) {
    fail(fmt::format("{} applies entry {} of term {}, which is not committed", member.value(),
                     entry.index.value(), entry.term.value()));
  }
  const Digest after = mix(mix(before, hash(entry)), entry.term.value());
  if (there.applied && (there.hash != hash(entry) || there.digest != after)) {
    fail(fmt::format("{} applies another entry {} than others did", member.value(),
                     entry.index.value()));
  }
  there.applied = true;
  there.hash = hash(entry);
  there.digest = after;
  if (proposal == 0) return after;

  Proposed& proposed = proposals_.at(proposal - 1);
  if (proposed.refused) fail(fmt::format("proposal {} was refused, and is applied", proposal));
  if (proposed.applied != Index() && proposed.applied != entry.index) {
    fail(fmt::format("proposal {} is applied twice, as entry {} and {}", proposal,
                     proposed.applied.value(), entry.index.value()));
  }
  proposed.applied = entry.index;
  return after;
}

void RaftChecker::restores(RaftId member, Index index, Digest digest) {
  if (index <= Index(1)) return;  // the founding
  const Place& there = place(index);
  if (!there.applied || there.digest != digest) {
    fail(fmt::format("{} has a snapshot of entry {} that nobody could take", member.value(),
                     index.value()));
  }
}

std::uint64_t RaftChecker::proposes() {
  proposals_.emplace_back();
  return proposals_.size();
}

void RaftChecker::acknowledged(std::uint64_t proposal, Index index) {
  Proposed& proposed = proposals_.at(proposal - 1);
  if (proposed.applied != index) {
    fail(fmt::format("proposal {} was acknowledged as entry {}, which it is not", proposal,
                     index.value()));
  }
  proposed.acknowledged = true;
  figures_.acknowledged++;
  acknowledged_ = std::max(acknowledged_, index);
}

void RaftChecker::refused(std::uint64_t proposal) {
  Proposed& proposed = proposals_.at(proposal - 1);
  if (proposed.applied != Index()) {
    fail(fmt::format("proposal {} was applied, and is refused", proposal));
  }
  proposed.refused = true;
  figures_.refused++;
}

void RaftChecker::read_ready(Index must_see, Index index) {
  figures_.reads++;
  if (index < must_see) {
    fail(fmt::format("a read waits for entry {} only, and entry {} was acknowledged before it",
                     index.value(), must_see.value()));
  }
}

void RaftChecker::holds_all(RaftId member, const std::vector<std::uint64_t>& applied) {
  std::vector<int> times(proposals_.size() + 1);
  for (const std::uint64_t proposal : applied) times.at(proposal)++;
  for (std::uint64_t proposal = 1; proposal < times.size(); proposal++) {
    if (times[proposal] > 1 || (is_acknowledged(proposal) && times[proposal] != 1)) {
      fail(fmt::format("{} has applied proposal {} {} times", member.value(), proposal,
                       times[proposal]));
    }
  }
}

}  // namespace rqlite::raft
