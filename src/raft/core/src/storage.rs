//! The log as the core sees it: the terms of all its entries, and the data of the newest ones.
//! Older data is read back from disk through a callback when a slow follower, or a node that
//! replays its log, asks for it. So memory is bounded however far a follower is behind.

use crate::abi::Callbacks;
use protobuf::Message as _;
use raft::prelude::*;
use raft::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError};
use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::ffi::c_void;

/// What an entry in the tail costs beside its data.
const ENTRY_OVERHEAD_BYTES: u64 = 128;

fn tail_cost(entry: &Entry) -> u64 {
    entry.data.len() as u64 + ENTRY_OVERHEAD_BYTES
}

/// Entries `first` and up, until the next run, have `term`.
struct TermRun {
    first: u64,
    term: u64,
}

struct Inner {
    hard_state: HardState,
    conf_state: ConfState,
    /// Index and term of the entry before the first one: the last that was compacted away.
    before: (u64, u64),
    last: u64,
    runs: VecDeque<TermRun>,
    /// The newest entries, always up to `last`.
    tail: VecDeque<Entry>,
    tail_bytes: u64,
    /// Entries up to here can be read back from disk.
    persisted: u64,
    snapshot: Snapshot,
    snapshot_wanted: bool,
}

/// Interior mutability because raft-rs reads its storage through a shared reference while its
/// owner changes it between calls; all on one thread.
pub struct LogTail {
    callbacks: Callbacks,
    tail_bytes_max: u64,
    inner: RefCell<Inner>,
}

impl Inner {
    fn tail_first(&self) -> u64 {
        self.last + 1 - self.tail.len() as u64
    }

    fn push(&mut self, entry: &Entry) {
        assert_eq!(entry.index, self.last + 1, "a gap in the log");
        if self.runs.back().map_or(true, |run| run.term != entry.term) {
            self.runs.push_back(TermRun { first: entry.index, term: entry.term });
        }
        self.tail_bytes += tail_cost(entry);
        self.tail.push_back(entry.clone());
        self.last = entry.index;
    }

    /// Removes the entries from `from` on.
    fn truncate(&mut self, from: u64) {
        assert!(from > self.before.0, "the log before its first entry is committed");
        while self.last >= from {
            if let Some(entry) = self.tail.pop_back() {
                self.tail_bytes -= tail_cost(&entry);
            }
            self.last -= 1;
        }
        while self.runs.back().map_or(false, |run| run.first >= from) {
            self.runs.pop_back();
        }
        self.persisted = self.persisted.min(self.last);
    }

    fn trim(&mut self, bytes_max: u64) {
        while self.tail_bytes > bytes_max && self.tail_first() <= self.persisted {
            let entry = self.tail.pop_front().expect("bytes belong to entries");
            self.tail_bytes -= tail_cost(&entry);
        }
    }

    fn term(&self, index: u64) -> Option<u64> {
        if index == self.before.0 {
            return Some(self.before.1);
        }
        if index < self.before.0 || index > self.last {
            return None;
        }
        let after = self.runs.partition_point(|run| run.first <= index);
        Some(self.runs[after - 1].term)
    }

    /// Makes `index` the last compacted entry.
    fn start_after(&mut self, index: u64, term: u64) {
        while self.tail_first() <= index && !self.tail.is_empty() {
            let entry = self.tail.pop_front().expect("not empty");
            self.tail_bytes -= tail_cost(&entry);
        }
        while self.runs.len() > 1 && self.runs[1].first <= index + 1 {
            self.runs.pop_front();
        }
        if let Some(run) = self.runs.front_mut() {
            run.first = run.first.max(index + 1);
        }
        self.before = (index, term);
        if self.last <= index {
            self.last = index;
            self.runs.clear();
        }
    }
}

impl LogTail {
    pub fn new(callbacks: Callbacks, tail_bytes_max: u64, snapshot: Snapshot) -> Self {
        let (index, term) = (snapshot.get_metadata().index, snapshot.get_metadata().term);
        LogTail {
            callbacks,
            tail_bytes_max,
            inner: RefCell::new(Inner {
                hard_state: HardState::default(),
                conf_state: snapshot.get_metadata().get_conf_state().clone(),
                before: (index, term),
                last: index,
                runs: VecDeque::new(),
                tail: VecDeque::new(),
                tail_bytes: 0,
                persisted: index,
                snapshot,
                snapshot_wanted: false,
            }),
        }
    }

    fn inner(&self) -> RefMut<'_, Inner> {
        self.inner.borrow_mut()
    }

    pub fn callbacks(&self) -> Callbacks {
        self.callbacks
    }

    /// The core wants a commit index and term that fit the log it is given. A snapshot may be
    /// newer than the last hard state on disk, and a hard state newer than what survived.
    pub fn set_initial_hard_state(&self, mut state: HardState) {
        let mut inner = self.inner();
        let (index, term) = inner.before;
        state.commit = state.commit.clamp(index, inner.last);
        if state.term < term {
            // A vote is of its term.
            state.term = term;
            state.vote = 0;
        }
        inner.hard_state = state;
    }

    /// Forgets all entries.
    pub fn clear(&self) {
        let snapshot = self.inner().snapshot.clone();
        self.restore(snapshot);
    }

    /// Appends `entries`; those of the same or a higher index before them are replaced.
    pub fn append(&self, entries: &[Entry]) {
        let mut inner = self.inner();
        if let Some(first) = entries.first() {
            if first.index <= inner.last {
                inner.truncate(first.index);
            }
        }
        for entry in entries {
            inner.push(entry);
        }
    }

    pub fn persisted(&self, index: u64) {
        let mut inner = self.inner();
        inner.persisted = index.min(inner.last);
        inner.trim(self.tail_bytes_max);
    }

    pub fn restore(&self, snapshot: Snapshot) {
        let mut inner = self.inner();
        let (index, term) = (snapshot.get_metadata().index, snapshot.get_metadata().term);
        inner.tail.clear();
        inner.tail_bytes = 0;
        inner.runs.clear();
        inner.before = (index, term);
        inner.last = index;
        inner.persisted = index;
        inner.conf_state = snapshot.get_metadata().get_conf_state().clone();
        inner.snapshot = snapshot;
    }

    pub fn compact(&self, index: u64) {
        let mut inner = self.inner();
        // Behind the snapshot a follower needs the log: never open a gap between the two.
        let index = index.min(inner.snapshot.get_metadata().index);
        if index > inner.before.0 {
            let term = inner.term(index).expect("compacted within the log");
            inner.start_after(index, term);
        }
    }

    pub fn set_snapshot(&self, snapshot: Snapshot) {
        self.inner().snapshot = snapshot;
    }

    pub fn take_snapshot_wanted(&self) -> bool {
        std::mem::take(&mut self.inner().snapshot_wanted)
    }

    pub fn set_hard_state(&self, state: HardState) {
        self.inner().hard_state = state;
    }

    pub fn set_conf_state(&self, state: ConfState) {
        self.inner().conf_state = state;
    }

    pub fn conf_state(&self) -> ConfState {
        self.inner().conf_state.clone()
    }

    pub fn first(&self) -> u64 {
        self.inner().before.0 + 1
    }

    pub fn last(&self) -> u64 {
        self.inner().last
    }

    fn read_back(&self, low: u64, high: u64, bytes_max: u64) -> Vec<Entry> {
        let mut entries: Vec<Entry> = vec![];
        let sink = &mut entries as *mut Vec<Entry> as *mut c_void;
        let read = (self.callbacks.read)(self.callbacks.context, low, high, bytes_max, sink);
        assert!(read && !entries.is_empty(), "entries {} to {} could not be read back", low, high);
        entries
    }
}

impl Storage for LogTail {
    fn initial_state(&self) -> Result<RaftState> {
        let inner = self.inner();
        Ok(RaftState::new(inner.hard_state.clone(), inner.conf_state.clone()))
    }

    fn entries(&self, low: u64, high: u64, bytes_max: impl Into<Option<u64>>, _: GetEntriesContext) -> Result<Vec<Entry>> {
        let bytes_max = bytes_max.into().unwrap_or(u64::MAX);
        let inner = self.inner.borrow();
        if low <= inner.before.0 {
            return Err(Error::Store(StorageError::Compacted));
        }
        assert!(high <= inner.last + 1, "entries beyond the log's end");
        let first = inner.tail_first();
        let mut entries = vec![];
        if low < first {
            entries = self.read_back(low, high.min(first), bytes_max);
            if (entries.len() as u64) < high.min(first) - low || high <= first {
                return Ok(entries);
            }
        }
        // Goes on in memory: whoever sets no limit counts on getting them all.
        let mut bytes = entries.iter().map(|entry| u64::from(entry.compute_size())).sum::<u64>();
        let (from, to) = ((low.max(first) - first) as usize, (high - first) as usize);
        for entry in inner.tail.range(from..to) {
            bytes += u64::from(entry.compute_size());
            if bytes > bytes_max && !entries.is_empty() {
                break;
            }
            entries.push(entry.clone());
        }
        Ok(entries)
    }

    fn term(&self, index: u64) -> Result<u64> {
        let inner = self.inner();
        let metadata = inner.snapshot.get_metadata();
        if metadata.index == index && index > 0 {
            return Ok(metadata.term);
        }
        if index < inner.before.0 {
            return Err(Error::Store(StorageError::Compacted));
        }
        inner.term(index).ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.first())
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.last())
    }

    fn snapshot(&self, request_index: u64, to: u64) -> Result<Snapshot> {
        let mut inner = self.inner();
        let metadata = inner.snapshot.get_metadata();
        let members = metadata.get_conf_state();
        // A receiver ignores a snapshot whose members do not name it: whoever joined since needs
        // a newer one.
        let named = members.voters.contains(&to) || members.learners.contains(&to);
        if named && metadata.index >= request_index && metadata.index > 0 {
            return Ok(inner.snapshot.clone());
        }
        inner.snapshot_wanted = true;
        Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable))
    }
}
