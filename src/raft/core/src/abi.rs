//! The C side of the ABI: plain views of what raft-rs holds.

use crate::storage::LogTail;
use protobuf::Message as _;
use raft::prelude::*;
use raft::StateRole;
use std::ffi::c_void;

/// Borrowed bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Slice {
    data: *const u8,
    len: usize,
}

impl Slice {
    pub fn of(bytes: &[u8]) -> Self {
        Slice { data: bytes.as_ptr(), len: bytes.len() }
    }
    pub unsafe fn as_slice(&self) -> &[u8] {
        // A C++ view of nothing may hold a null pointer, which a Rust slice must not.
        if self.len == 0 {
            return &[];
        }
        std::slice::from_raw_parts(self.data, self.len)
    }
    pub unsafe fn to_vec(&self) -> Vec<u8> {
        self.as_slice().to_vec()
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CoreConfig {
    pub id: u64,
    pub applied: u64,
    pub election_ticks: u64,
    /// A candidate's timeout; not less than `election_ticks`.
    pub campaign_ticks: u64,
    /// How often a leader looks whether it still reaches a majority; at most `election_ticks`.
    pub lease_ticks: u64,
    pub heartbeat_ticks: u64,
    pub message_bytes_max: u64,
    pub inflight_messages_max: u64,
    pub uncommitted_bytes_max: u64,
    pub committed_bytes_per_ready_max: u64,
    pub tail_bytes_max: u64,
    pub timeout_seed: u64,
    /// Lines of a higher level are not passed on; see Callbacks::log.
    pub log_level: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Callbacks {
    pub context: *mut c_void,
    /// Reads entries [low, high) back from the log on disk and passes each to
    /// raft_core_fetched(sink, entry): at least one, then as many as fit `bytes_max`.
    pub read: extern "C" fn(context: *mut c_void, low: u64, high: u64, bytes_max: u64, sink: *mut c_void) -> bool,
    /// A line of the engine's log: level 0 error, 1 warning, 2 information, 3 debug.
    pub log: extern "C" fn(context: *mut c_void, level: u8, text: Slice),
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct HardStateView {
    pub term: u64,
    pub vote: u64,
    pub commit: u64,
}

/// `conf_state` is an encoded ConfState, `data` what the state machine needs to find its content.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SnapshotView {
    pub index: u64,
    pub term: u64,
    pub conf_state: Slice,
    pub data: Slice,
}

impl SnapshotView {
    pub unsafe fn to_snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        metadata.index = self.index;
        metadata.term = self.term;
        metadata
            .mut_conf_state()
            .merge_from_bytes(self.conf_state.as_slice())
            .expect("a ConfState that this crate encoded");
        snapshot.data = self.data.to_vec().into();
        snapshot
    }
}

/// `kind` is eraftpb's EntryType: 0 normal, 1 change of members.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EntryView {
    pub index: u64,
    pub term: u64,
    pub kind: u8,
    pub data: Slice,
}

impl EntryView {
    pub fn of(entry: &Entry) -> Self {
        EntryView {
            index: entry.index,
            term: entry.term,
            kind: entry.get_entry_type() as u8,
            data: Slice::of(&entry.data),
        }
    }
    pub unsafe fn to_entry(&self) -> Entry {
        let mut entry = Entry::default();
        entry.index = self.index;
        entry.term = self.term;
        entry.set_entry_type(match self.kind {
            0 => EntryType::EntryNormal,
            1 => EntryType::EntryConfChange,
            kind => panic!("entry {} has the unknown kind {}", self.index, kind),
        });
        entry.data = self.data.to_vec().into();
        entry
    }
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct MessageView {
    pub to: u64,
    pub is_snapshot: bool,
    pub bytes: Slice,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct ReadStateView {
    pub index: u64,
    pub context: Slice,
}

/// Messages leave at once, persisted_messages once the rest of the Ready is durable. `snapshot`
/// has index 0 if there is none.
#[repr(C)]
pub struct ReadyView {
    pub number: u64,
    pub must_sync: bool,
    pub hard_state_changed: bool,
    pub hard_state: HardStateView,
    pub snapshot: SnapshotView,
    pub entries: *const EntryView,
    pub entries_len: usize,
    pub committed: *const EntryView,
    pub committed_len: usize,
    pub messages: *const MessageView,
    pub messages_len: usize,
    pub persisted_messages: *const MessageView,
    pub persisted_messages_len: usize,
    pub read_states: *const ReadStateView,
    pub read_states_len: usize,
}

#[repr(u8)]
#[derive(Clone, Copy)]
#[allow(dead_code)] // made by C++
pub enum ChangeKind {
    AddVoter,
    Remove,
    AddLearner,
}

#[repr(u8)]
pub enum Role {
    Follower,
    PreCandidate,
    Candidate,
    Leader,
}

#[repr(C)]
pub struct StatusView {
    pub term: u64,
    pub leader: u64,
    pub vote: u64,
    pub commit: u64,
    pub applied: u64,
    pub first_index: u64,
    pub last_index: u64,
    pub last_term: u64,
    pub role: Role,
    pub transferring: bool,
}

/// Owns what a ReadyView points to.
#[derive(Default)]
pub struct ReadyBuffers {
    entries: Vec<Entry>,
    committed: Vec<Entry>,
    snapshot: Snapshot,
    conf_state: Vec<u8>,
    encoded: Vec<Vec<u8>>,
    read_contexts: Vec<Vec<u8>>,
    entry_views: Vec<EntryView>,
    committed_views: Vec<EntryView>,
    message_views: Vec<MessageView>,
    read_state_views: Vec<ReadStateView>,
}

// Raw pointers keep the views from being Default or Send by themselves; the core is one thread's.
impl ReadyBuffers {
    pub fn fill(&mut self, ready: &mut Ready, node: &RawNode<LogTail>) -> ReadyView {
        self.entries = ready.take_entries();
        self.committed = ready.take_committed_entries();
        self.entry_views.clear();
        self.entry_views.extend(self.entries.iter().map(EntryView::of));
        self.committed_views.clear();
        self.committed_views.extend(self.committed.iter().map(EntryView::of));

        // A Ready has messages of one kind only: the leader's leave at once, all others wait.
        debug_assert!(ready.messages().is_empty() || ready.persisted_messages().is_empty());
        let at_once = ready.take_messages();
        let persisted = ready.take_persisted_messages();
        self.encoded.clear();
        self.message_views.clear();
        for message in at_once.iter().chain(persisted.iter()) {
            self.encoded.push(message.write_to_bytes().expect("encodes"));
            self.message_views.push(MessageView {
                to: message.to,
                is_snapshot: message.get_msg_type() == MessageType::MsgSnapshot,
                bytes: Slice::of(self.encoded.last().expect("pushed")),
            });
        }
        let split = at_once.len();

        self.read_contexts.clear();
        self.read_state_views.clear();
        for state in ready.take_read_states() {
            self.read_contexts.push(state.request_ctx);
            self.read_state_views.push(ReadStateView {
                index: state.index,
                context: Slice::of(self.read_contexts.last().expect("pushed")),
            });
        }

        self.snapshot = ready.snapshot().clone();
        let metadata = self.snapshot.get_metadata();
        self.conf_state = metadata.get_conf_state().write_to_bytes().expect("encodes");
        debug_assert!(node.raft.state != StateRole::Leader || metadata.index == 0);

        let hard_state = ready.hs().cloned();
        let state = hard_state.clone().unwrap_or_default();
        ReadyView {
            number: ready.number(),
            must_sync: ready.must_sync(),
            hard_state_changed: hard_state.is_some(),
            hard_state: HardStateView { term: state.term, vote: state.vote, commit: state.commit },
            snapshot: SnapshotView {
                index: metadata.index,
                term: metadata.term,
                conf_state: Slice::of(&self.conf_state),
                data: Slice::of(&self.snapshot.data),
            },
            entries: self.entry_views.as_ptr(),
            entries_len: self.entry_views.len(),
            committed: self.committed_views.as_ptr(),
            committed_len: self.committed_views.len(),
            messages: self.message_views.as_ptr(),
            messages_len: split,
            persisted_messages: self.message_views[split..].as_ptr(),
            persisted_messages_len: self.message_views.len() - split,
            read_states: self.read_state_views.as_ptr(),
            read_states_len: self.read_state_views.len(),
        }
    }
}
