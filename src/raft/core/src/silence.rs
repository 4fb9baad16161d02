//! What a member without a vote makes of a leader of which nothing is heard. raft-rs has a voter
//! stand for election then, and so forget the old leader; a learner never stands, and would name
//! a dead one for ever.

use crate::storage::LogTail;
use raft::{Raft, StateRole, INVALID_ID};

/// After each tick.
pub fn forget_leader(raft: &mut Raft<LogTail>) {
    let is_silent = raft.election_elapsed >= raft.randomized_election_timeout();
    if raft.state == StateRole::Follower && !raft.promotable() && is_silent {
        raft.leader_id = INVALID_ID;
    }
}
