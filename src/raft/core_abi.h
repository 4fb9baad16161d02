#pragma once

// The C ABI of the consensus core, as core/src/abi.rs and core/src/lib.rs define it; their
// comments hold for both sides. Only core.cc includes this.

#include <cstddef>
#include <cstdint>

extern "C" {

struct RaftSlice {
  const char* data;
  std::size_t len;
};

struct RaftCoreConfig {
  std::uint64_t id;
  std::uint64_t applied;
  std::uint64_t election_ticks;
  std::uint64_t campaign_ticks;
  std::uint64_t lease_ticks;
  std::uint64_t heartbeat_ticks;
  std::uint64_t message_bytes_max;
  std::uint64_t inflight_messages_max;
  std::uint64_t uncommitted_bytes_max;
  std::uint64_t committed_bytes_per_ready_max;
  std::uint64_t tail_bytes_max;
  std::uint64_t timeout_seed;
  std::uint64_t log_level;
};

struct RaftCallbacks {
  void* context;
  bool (*read)(void* context, std::uint64_t low, std::uint64_t high, std::uint64_t bytes_max,
               void* sink);
  void (*log)(void* context, std::uint8_t level, RaftSlice text);
};

struct RaftHardState {
  std::uint64_t term;
  std::uint64_t vote;
  std::uint64_t commit;
};

struct RaftSnapshot {
  std::uint64_t index;
  std::uint64_t term;
  RaftSlice conf_state;
  RaftSlice data;
};

struct RaftEntry {
  std::uint64_t index;
  std::uint64_t term;
  std::uint8_t kind;
  RaftSlice data;
};

struct RaftMessage {
  std::uint64_t to;
  bool is_snapshot;
  RaftSlice bytes;
};

struct RaftReadState {
  std::uint64_t index;
  RaftSlice context;
};

struct RaftReady {
  std::uint64_t number;
  bool must_sync;
  bool hard_state_changed;
  RaftHardState hard_state;
  RaftSnapshot snapshot;
  const RaftEntry* entries;
  std::size_t entries_len;
  const RaftEntry* committed;
  std::size_t committed_len;
  const RaftMessage* messages;
  std::size_t messages_len;
  const RaftMessage* persisted_messages;
  std::size_t persisted_messages_len;
  const RaftReadState* read_states;
  std::size_t read_states_len;
};

struct RaftStatus {
  std::uint64_t term;
  std::uint64_t leader;
  std::uint64_t vote;
  std::uint64_t commit;
  std::uint64_t applied;
  std::uint64_t first_index;
  std::uint64_t last_index;
  std::uint64_t last_term;
  std::uint8_t role;  // 0 follower, 1 pre-candidate, 2 candidate, 3 leader
  bool transferring;
};

struct RaftBuilder;
struct RaftCore;

RaftBuilder* raft_core_builder(const RaftCoreConfig* config, RaftSnapshot snapshot,
                               RaftCallbacks callbacks);
void raft_core_builder_entry(RaftBuilder* builder, RaftEntry entry);
void raft_core_builder_restart(RaftBuilder* builder);
void raft_core_builder_free(RaftBuilder* builder);
RaftCore* raft_core_start(RaftBuilder* builder, RaftHardState hard_state);
void raft_core_free(RaftCore* core);
void raft_core_tick(RaftCore* core);
void raft_core_campaign(RaftCore* core);
std::uint64_t raft_core_propose(RaftCore* core, const RaftSlice* data, std::size_t count);
std::uint64_t raft_core_propose_change(RaftCore* core, std::uint8_t kind, std::uint64_t id,
                                       RaftSlice context);
RaftSlice raft_core_apply_change(RaftCore* core, RaftSlice data, RaftSlice* context);
bool raft_core_step(RaftCore* core, RaftSlice message);
void raft_core_read_index(RaftCore* core, RaftSlice context);
void raft_core_transfer(RaftCore* core, std::uint64_t to);
void raft_core_report_unreachable(RaftCore* core, std::uint64_t id);
void raft_core_report_snapshot(RaftCore* core, std::uint64_t id, bool arrived);
bool raft_core_ready(RaftCore* core, RaftReady* out);
void raft_core_persisted(RaftCore* core, std::uint64_t number);
void raft_core_applied(RaftCore* core, std::uint64_t index);
void raft_core_set_snapshot(RaftCore* core, RaftSnapshot snapshot);
void raft_core_compact(RaftCore* core, std::uint64_t index);
bool raft_core_take_snapshot_wanted(RaftCore* core);
std::size_t raft_core_entries(RaftCore* core, std::uint64_t low, std::uint64_t high,
                              std::uint64_t bytes_max, const RaftEntry** out);
void raft_core_fetched(void* sink, RaftEntry entry);
RaftStatus raft_core_status(const RaftCore* core);
std::uint64_t raft_core_term(const RaftCore* core, std::uint64_t index);
std::uint64_t raft_core_matched(const RaftCore* core, std::uint64_t id);

}  // extern "C"
