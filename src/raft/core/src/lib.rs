//! raft-rs as a pure state machine behind a small C ABI; `../core_abi.h` is the same ABI for C++.
//!
//! One `Core` is one node. It has no thread, no clock and does no I/O: its caller, the driver,
//! passes in what happened and takes out a `Ready` of what to do. Not thread-safe.
//!
//! Pointers handed out stay valid until the same function is called on the same core again.

mod abi;
mod lease;
mod logger;
mod silence;
mod storage;
mod takeover;
mod timeout;

use abi::*;
use lease::Lease;
use protobuf::Message as _;
use raft::prelude::*;
use raft::{SnapshotStatus, StateRole};
use std::ffi::c_void;
use storage::LogTail;
use takeover::Takeover;
use timeout::ElectionTimeout;

/// What a core is made from before it runs: the state that its node has on disk.
pub struct Builder {
    config: CoreConfig,
    storage: LogTail,
}

pub struct Core {
    node: RawNode<LogTail>,
    timeout: ElectionTimeout,
    lease: Lease,
    takeover: Takeover,
    /// Index of the last entry of the Ready that is being persisted.
    writing_to: u64,
    ready: ReadyBuffers,
    /// Holds what the last call returned by pointer.
    scratch: Vec<u8>,
    fetched: Vec<Entry>,
    fetched_views: Vec<EntryView>,
}

impl Core {
    /// Runs after every call that may have changed the node's role, term or timer.
    fn settle(&mut self) {
        self.timeout.settle(&mut self.node.raft);
    }
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_builder(
    config: *const CoreConfig,
    snapshot: SnapshotView,
    callbacks: Callbacks,
) -> *mut Builder {
    let config = *config;
    let storage = LogTail::new(callbacks, config.tail_bytes_max, snapshot.to_snapshot());
    Box::into_raw(Box::new(Builder { config, storage }))
}

/// Adds an entry that the node's log holds, in order of index. Its data is not kept if it does
/// not fit the tail.
#[no_mangle]
pub unsafe extern "C" fn raft_core_builder_entry(b: *mut Builder, entry: EntryView) {
    (*b).storage.append(&[entry.to_entry()]);
    (*b).storage.persisted(entry.index);
}

/// Forgets the entries so far.
#[no_mangle]
pub unsafe extern "C" fn raft_core_builder_restart(b: *mut Builder) {
    (*b).storage.clear();
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_builder_free(b: *mut Builder) {
    drop(Box::from_raw(b));
}

/// Consumes the builder.
#[no_mangle]
pub unsafe extern "C" fn raft_core_start(b: *mut Builder, hard_state: HardStateView) -> *mut Core {
    let b = *Box::from_raw(b);
    let mut state = HardState::default();
    state.term = hard_state.term;
    state.vote = hard_state.vote;
    state.commit = hard_state.commit;
    b.storage.set_initial_hard_state(state);
    let c = b.config;
    let config = Config {
        id: c.id,
        applied: c.applied,
        election_tick: c.election_ticks as usize,
        max_election_tick: 2 * c.campaign_ticks as usize,
        heartbeat_tick: c.heartbeat_ticks as usize,
        max_size_per_msg: c.message_bytes_max,
        max_inflight_msgs: c.inflight_messages_max as usize,
        max_uncommitted_size: c.uncommitted_bytes_max,
        max_committed_size_per_ready: c.committed_bytes_per_ready_max,
        check_quorum: true,
        pre_vote: true,
        ..Default::default()
    };
    let writing_to = b.storage.last();
    let logger = logger::to_callback(b.storage.callbacks(), c.log_level);
    let node = RawNode::new(&config, b.storage, &logger).expect("a valid configuration");
    let mut core = Core {
        node,
        timeout: ElectionTimeout::new(c.timeout_seed, c.election_ticks, c.campaign_ticks),
        lease: Lease::new(c.election_ticks, c.lease_ticks),
        takeover: Takeover::new(c.election_ticks),
        writing_to,
        ready: ReadyBuffers::default(),
        scratch: vec![],
        fetched: vec![],
        fetched_views: vec![],
    };
    core.settle();
    Box::into_raw(Box::new(core))
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_free(core: *mut Core) {
    drop(Box::from_raw(core));
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_tick(core: *mut Core) {
    (*core).node.tick();
    let core = &mut *core;
    core.lease.look(&mut core.node.raft);
    core.takeover.tick();
    silence::forget_leader(&mut core.node.raft);
    core.settle();
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_campaign(core: *mut Core) {
    let core = &mut *core;
    // raft-rs itself lets a learner, and even a node without any members, stand for election.
    if !core.node.raft.promotable() {
        return;
    }
    // Refused only while a change of members is not applied; the timeout brings the next try.
    let _ = core.node.campaign();
    core.settle();
}

/// Proposes `count` entries, more than none, that follow each other and travel together. The index
/// that the first one got, or 0 if all were refused: not the leader, a leadership transfer is going
/// on, or too much is uncommitted.
#[no_mangle]
pub unsafe extern "C" fn raft_core_propose(core: *mut Core, data: *const Slice, count: usize) -> u64 {
    let core = &mut *core;
    let raft = &mut core.node.raft;
    if raft.state != StateRole::Leader {
        return 0;
    }
    let mut message = Message::default();
    message.set_msg_type(MessageType::MsgPropose);
    message.from = raft.id;
    for each in std::slice::from_raw_parts(data, count) {
        let mut entry = Entry::default();
        entry.data = each.to_vec().into();
        message.mut_entries().push(entry);
    }
    match raft.step(message) {
        Ok(()) => raft.raft_log.last_index() - count as u64 + 1,
        Err(_) => 0,
    }
}

/// As raft_core_propose. While another change is not yet applied, the entry that gets the index
/// is an empty normal one, and nothing changes.
#[no_mangle]
pub unsafe extern "C" fn raft_core_propose_change(
    core: *mut Core,
    kind: ChangeKind,
    id: u64,
    context: Slice,
) -> u64 {
    let core = &mut *core;
    if core.node.raft.state != StateRole::Leader {
        return 0;
    }
    let mut change = ConfChange::default();
    change.node_id = id;
    change.context = context.to_vec().into();
    change.set_change_type(match kind {
        ChangeKind::AddVoter => ConfChangeType::AddNode,
        ChangeKind::Remove => ConfChangeType::RemoveNode,
        ChangeKind::AddLearner => ConfChangeType::AddLearnerNode,
    });
    match core.node.propose_conf_change(vec![], change) {
        Ok(()) => core.node.raft.raft_log.last_index(),
        Err(_) => 0,
    }
}

/// Applies a committed change of members. Returns the encoded ConfState that holds from this
/// entry on, and the context that travelled with the change.
#[no_mangle]
pub unsafe extern "C" fn raft_core_apply_change(
    core: *mut Core,
    data: Slice,
    context: *mut Slice,
) -> Slice {
    let core = &mut *core;
    let mut change = ConfChange::default();
    change.merge_from_bytes(data.as_slice()).expect("a change that this crate encoded");
    // An error means that the change makes no sense now (say, removing the last voter): every
    // node refuses it alike and the members stay as they are.
    if let Ok(state) = core.node.apply_conf_change(&change) {
        core.node.store().set_conf_state(state);
    }
    core.settle();
    let state = core.node.store().conf_state().write_to_bytes().expect("encodes");
    let split = state.len();
    core.scratch = state;
    core.scratch.extend_from_slice(&change.context);
    *context = Slice::of(&core.scratch[split..]);
    Slice::of(&core.scratch[..split])
}

/// Takes in a message from another node. False if it does not parse or is refused; nothing
/// changes then.
#[no_mangle]
pub unsafe extern "C" fn raft_core_step(core: *mut Core, message: Slice) -> bool {
    let mut m = Message::default();
    if m.merge_from_bytes(message.as_slice()).is_err() {
        return false;
    }
    let core = &mut *core;
    let asked = Takeover::asks(&m).then(|| m.clone());
    let done = core.node.step(m).is_ok();
    if let Some(request) = asked {
        core.takeover.stepped(&core.node.raft, request);
    }
    core.settle();
    done
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_read_index(core: *mut Core, context: Slice) {
    (*core).node.read_index(context.to_vec());
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_transfer(core: *mut Core, to: u64) {
    (*core).node.transfer_leader(to);
    (*core).settle();
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_report_unreachable(core: *mut Core, id: u64) {
    (*core).node.report_unreachable(id);
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_report_snapshot(core: *mut Core, id: u64, arrived: bool) {
    let status = if arrived { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
    (*core).node.report_snapshot(id, status);
}

/// Fills `out` with what is to be done; false if there is nothing. The Ready must be handled and
/// reported with raft_core_persisted before the next one is taken.
#[no_mangle]
pub unsafe extern "C" fn raft_core_ready(core: *mut Core, out: *mut ReadyView) -> bool {
    let core = &mut *core;
    if !core.node.has_ready() {
        return false;
    }
    let mut ready = core.node.ready();
    if !ready.snapshot().is_empty() {
        core.node.store().restore(ready.snapshot().clone());
        core.writing_to = core.node.store().last();
    }
    if !ready.entries().is_empty() {
        core.node.store().append(ready.entries());
        core.writing_to = core.node.store().last();
    }
    if let Some(state) = ready.hs() {
        core.node.store().set_hard_state(state.clone());
    }
    *out = core.ready.fill(&mut ready, &core.node);
    core.node.advance_append_async(ready);
    true
}

/// The Ready with this number is durable, and so is all before it.
#[no_mangle]
pub unsafe extern "C" fn raft_core_persisted(core: *mut Core, number: u64) {
    let core = &mut *core;
    core.node.store().persisted(core.writing_to);
    core.node.on_persist_ready(number);
    core.settle();
}

/// All committed entries up to `index` are applied.
#[no_mangle]
pub unsafe extern "C" fn raft_core_applied(core: *mut Core, index: u64) {
    let core = &mut *core;
    core.node.advance_apply_to(index);
    core.takeover.applied(&mut core.node);
    core.settle();
}

/// The node has a new snapshot: what it sends to a follower that the log cannot serve.
#[no_mangle]
pub unsafe extern "C" fn raft_core_set_snapshot(core: *mut Core, snapshot: SnapshotView) {
    (*core).node.store().set_snapshot(snapshot.to_snapshot());
}

/// Forgets the entries up to `index`. Precondition: they are applied and a snapshot covers them.
#[no_mangle]
pub unsafe extern "C" fn raft_core_compact(core: *mut Core, index: u64) {
    // Never beyond what the core itself knows to be applied: it still asks for their terms.
    let core = &mut *core;
    let told = core.node.raft.raft_log.applied;
    core.node.store().compact(index.min(told));
}

/// Whether a follower asked for a snapshot that is newer, or names more members, than ours.
/// Reading it resets it.
#[no_mangle]
pub unsafe extern "C" fn raft_core_take_snapshot_wanted(core: *mut Core) -> bool {
    (*core).node.store().take_snapshot_wanted()
}

/// Entries [low, high), as many as fit `bytes_max`, at least one. Precondition: low < high and
/// all of them are in the log.
#[no_mangle]
pub unsafe extern "C" fn raft_core_entries(
    core: *mut Core,
    low: u64,
    high: u64,
    bytes_max: u64,
    out: *mut *const EntryView,
) -> usize {
    let core = &mut *core;
    core.fetched = core
        .node
        .store()
        .entries(low, high, bytes_max, raft::GetEntriesContext::empty(false))
        .expect("entries that the log holds");
    core.fetched_views.clear();
    core.fetched_views.extend(core.fetched.iter().map(EntryView::of));
    *out = core.fetched_views.as_ptr();
    core.fetched_views.len()
}

/// Called by the read callback, once for each entry in order.
#[no_mangle]
pub unsafe extern "C" fn raft_core_fetched(sink: *mut c_void, entry: EntryView) {
    (*(sink as *mut Vec<Entry>)).push(entry.to_entry());
}

#[no_mangle]
pub unsafe extern "C" fn raft_core_status(core: *const Core) -> StatusView {
    let raft = &(*core).node.raft;
    StatusView {
        term: raft.term,
        leader: raft.leader_id,
        vote: raft.vote,
        commit: raft.raft_log.committed,
        applied: raft.raft_log.applied,
        first_index: (*core).node.store().first(),
        last_index: raft.raft_log.last_index(),
        last_term: raft.raft_log.last_term(),
        role: match raft.state {
            StateRole::Follower => Role::Follower,
            StateRole::PreCandidate => Role::PreCandidate,
            StateRole::Candidate => Role::Candidate,
            StateRole::Leader => Role::Leader,
        },
        transferring: raft.lead_transferee.is_some(),
    }
}

/// The term of the entry at `index`; 0 if the log does not have it, or not any more.
#[no_mangle]
pub unsafe extern "C" fn raft_core_term(core: *const Core, index: u64) -> u64 {
    let raft = &(*core).node.raft;
    raft.raft_log.term(index).unwrap_or(0)
}

/// How far a peer's log matches, as far as this leader knows; 0 if it knows no such peer.
#[no_mangle]
pub unsafe extern "C" fn raft_core_matched(core: *const Core, id: u64) -> u64 {
    (*core).node.raft.prs().get(id).map_or(0, |progress| progress.matched)
}
