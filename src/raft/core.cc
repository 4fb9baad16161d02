#include "raft/core.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "raft/core_abi.h"

namespace rqlite::raft {
namespace {

RaftSlice slice(BytesView bytes) { return {bytes.data(), bytes.size()}; }
BytesView view(RaftSlice slice) { return {slice.data, slice.len}; }

RaftSnapshot to_abi(const Snapshot& snapshot) {
  return {snapshot.index.value(), snapshot.term.value(), slice(snapshot.conf_state),
          slice(snapshot.data)};
}

RaftEntry to_abi(const EntryView& entry) {
  return {entry.index.value(), entry.term.value(), static_cast<std::uint8_t>(entry.kind),
          slice(entry.data)};
}

EntryView from_abi(const RaftEntry& entry) {
  return {Index(entry.index), Term(entry.term), static_cast<EntryKind>(entry.kind),
          view(entry.data)};
}

std::vector<EntryView> from_abi(const RaftEntry* entries, std::size_t count) {
  std::vector<EntryView> views;
  views.reserve(count);
  for (std::size_t i = 0; i < count; i++) views.push_back(from_abi(entries[i]));
  return views;
}

std::vector<Core::Outgoing> from_abi(const RaftMessage* messages, std::size_t count) {
  std::vector<Core::Outgoing> views;
  views.reserve(count);
  for (std::size_t i = 0; i < count; i++) {
    views.push_back({RaftId(messages[i].to), messages[i].is_snapshot, view(messages[i].bytes)});
  }
  return views;
}

std::optional<Index> index_or_refused(std::uint64_t index) {
  if (index == 0) return std::nullopt;
  return Index(index);
}

// The engine asks for entries that it no longer holds in memory. It cannot go on without them:
// false makes it stop the process.
bool read_back(void* context, std::uint64_t low, std::uint64_t high, std::uint64_t bytes_max,
               void* sink) {
  Log& log = **static_cast<Log**>(context);
  const ::rqlite::Status status =
      log.read(Index(low), Index(high), static_cast<std::size_t>(bytes_max),
               [sink](const EntryView& entry) { raft_core_fetched(sink, to_abi(entry)); });
  if (!status.ok()) log_line("raft", status.text());
  return status.ok();
}

void write_log(void*, std::uint8_t level, RaftSlice text) {
  // The level field is seven characters wide, as tools that read these lines expect.
  constexpr std::string_view kLevels[] = {"[ERROR]", "[WARN] ", "[INFO] ", "[DEBUG]"};
  log("raft", "{} {}", kLevels[level], view(text));
}

}  // namespace

Core::Builder::Builder(const Options& options, const Snapshot& snapshot) : core_(new Core()) {
  const RaftCoreConfig config{
      .id = options.id.value(),
      .applied = snapshot.index.value(),
      .election_ticks = options.election_ticks,
      .campaign_ticks = std::max(options.campaign_ticks, options.election_ticks),
      .lease_ticks = std::clamp<std::uint64_t>(options.lease_ticks, 1, options.election_ticks),
      .heartbeat_ticks = options.heartbeat_ticks,
      .message_bytes_max = options.message_bytes_max,
      .inflight_messages_max = options.inflight_messages_max,
      .uncommitted_bytes_max = options.uncommitted_bytes_max,
      .committed_bytes_per_ready_max = options.committed_bytes_per_ready_max,
      .tail_bytes_max = options.tail_bytes_max,
      .timeout_seed = options.timeout_seed,
      .log_level = static_cast<std::uint64_t>(options.log_level),
  };
  // The engine calls back through the address of the core's log, which start() fills in.
  builder_ = raft_core_builder(&config, to_abi(snapshot), {&core_->log_, &read_back, &write_log});
}

Core::Builder::~Builder() {
  if (builder_ != nullptr) raft_core_builder_free(builder_);
}

void Core::Builder::entry(const EntryView& entry) {
  raft_core_builder_entry(builder_, to_abi(entry));
}

void Core::Builder::restart() { raft_core_builder_restart(builder_); }

std::unique_ptr<Core> Core::Builder::start(const HardState& hard_state, Log& log) {
  CHECK(builder_ != nullptr);
  core_->log_ = &log;
  core_->core_ = raft_core_start(
      std::exchange(builder_, nullptr),
      {hard_state.term.value(), hard_state.vote.value(), hard_state.commit.value()});
  return std::move(core_);
}

Core::~Core() {
  if (core_ != nullptr) raft_core_free(core_);
}

void Core::tick() { raft_core_tick(core_); }

void Core::campaign() { raft_core_campaign(core_); }

std::optional<Index> Core::propose(const std::vector<BytesView>& data) {
  CHECK(!data.empty());
  std::vector<RaftSlice> slices;
  slices.reserve(data.size());
  for (const BytesView each : data) slices.push_back(slice(each));
  return index_or_refused(raft_core_propose(core_, slices.data(), slices.size()));
}

std::optional<Index> Core::propose_change(ChangeKind kind, RaftId id, BytesView context) {
  return index_or_refused(
      raft_core_propose_change(core_, static_cast<std::uint8_t>(kind), id.value(), slice(context)));
}

bool Core::step(BytesView message) { return raft_core_step(core_, slice(message)); }

void Core::read_index(BytesView context) { raft_core_read_index(core_, slice(context)); }

void Core::transfer(RaftId to) { raft_core_transfer(core_, to.value()); }

void Core::report_unreachable(RaftId id) { raft_core_report_unreachable(core_, id.value()); }

void Core::report_snapshot(RaftId id, bool arrived) {
  raft_core_report_snapshot(core_, id.value(), arrived);
}

std::optional<Core::Ready> Core::ready() {
  RaftReady raw;
  if (!raft_core_ready(core_, &raw)) return std::nullopt;
  Ready ready;
  ready.number = raw.number;
  ready.must_sync = raw.must_sync;
  if (raw.hard_state_changed) {
    ready.hard_state = HardState{Term(raw.hard_state.term), RaftId(raw.hard_state.vote),
                                 Index(raw.hard_state.commit)};
  }
  if (raw.snapshot.index != 0) {
    ready.snapshot = Snapshot{Index(raw.snapshot.index), Term(raw.snapshot.term),
                              Bytes(view(raw.snapshot.conf_state)), Bytes(view(raw.snapshot.data))};
  }
  ready.entries = from_abi(raw.entries, raw.entries_len);
  ready.committed = from_abi(raw.committed, raw.committed_len);
  ready.messages = from_abi(raw.messages, raw.messages_len);
  ready.persisted_messages = from_abi(raw.persisted_messages, raw.persisted_messages_len);
  for (std::size_t i = 0; i < raw.read_states_len; i++) {
    ready.read_states.push_back(
        {Index(raw.read_states[i].index), view(raw.read_states[i].context)});
  }
  return ready;
}

void Core::persisted(std::uint64_t ready_number) { raft_core_persisted(core_, ready_number); }

Core::Change Core::apply_change(BytesView data) {
  RaftSlice context;
  const RaftSlice conf_state = raft_core_apply_change(core_, slice(data), &context);
  return {Bytes(view(conf_state)), Bytes(view(context))};
}

void Core::applied(Index index) { raft_core_applied(core_, index.value()); }

void Core::set_snapshot(const Snapshot& snapshot) {
  raft_core_set_snapshot(core_, to_abi(snapshot));
}

void Core::compact(Index index) { raft_core_compact(core_, index.value()); }

bool Core::take_snapshot_wanted() { return raft_core_take_snapshot_wanted(core_); }

std::vector<EntryView> Core::entries(Index low, Index high, std::uint64_t bytes_max) {
  const RaftEntry* entries = nullptr;
  const std::size_t count =
      raft_core_entries(core_, low.value(), high.value(), bytes_max, &entries);
  return from_abi(entries, count);
}

Core::Status Core::status() const {
  const RaftStatus raw = raft_core_status(core_);
  return {Term(raw.term),        RaftId(raw.leader),  RaftId(raw.vote),
          Index(raw.commit),     Index(raw.applied),  Index(raw.first_index),
          Index(raw.last_index), Term(raw.last_term), static_cast<Role>(raw.role),
          raw.transferring};
}

Term Core::term(Index index) const { return Term(raft_core_term(core_, index.value())); }

Index Core::matched(RaftId peer) const { return Index(raft_core_matched(core_, peer.value())); }

}  // namespace rqlite::raft
