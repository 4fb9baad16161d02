//! How long a leader that reaches no majority goes on. raft-rs looks once in an election timeout,
//! and whoever has not been heard of between two looks does not count; here it may look more often.

use crate::storage::LogTail;
use raft::prelude::*;
use raft::{Raft, StateRole};

pub struct Lease {
    election_ticks: u64,
    lease_ticks: u64,
}

impl Lease {
    pub fn new(election_ticks: u64, lease_ticks: u64) -> Self {
        Lease { election_ticks, lease_ticks }
    }

    /// After each tick.
    pub fn look(&self, raft: &mut Raft<LogTail>) {
        let elapsed = raft.election_elapsed as u64;
        // The engine's own look ends its count. Two that follow too closely would find nobody.
        let due = elapsed > 0 && elapsed % self.lease_ticks == 0 && elapsed + self.lease_ticks <= self.election_ticks;
        if raft.state != StateRole::Leader || !due {
            return;
        }
        let mut look = Message::default();
        look.set_msg_type(MessageType::MsgCheckQuorum);
        look.from = raft.id;
        // Stepping down is no error.
        let _ = raft.step(look);
    }
}
