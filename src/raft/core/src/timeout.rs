//! Election timeouts from a seeded generator. raft-rs draws them from the process's global one
//! whenever it resets its timer, which no simulation could repeat; so after each call the timeout
//! is drawn again, by us, if the timer was reset.

use crate::storage::LogTail;
use raft::{Raft, StateRole};

pub struct ElectionTimeout {
    state: u64,
    election_ticks: u64,
    seen: Option<(u64, StateRole, usize)>,
}

impl ElectionTimeout {
    pub fn new(seed: u64, election_ticks: u64) -> Self {
        ElectionTimeout { state: seed, election_ticks, seen: None }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E3779B97F4A7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D049BB133111EB);
        z ^ (z >> 31)
    }

    pub fn settle(&mut self, raft: &mut Raft<LogTail>) {
        let now = (raft.term, raft.state, raft.election_elapsed);
        let reset = match self.seen {
            None => true,
            Some((term, role, elapsed)) => now.0 != term || now.1 != role || now.2 < elapsed,
        };
        if reset {
            // In [election_ticks, 2 * election_ticks), raft-rs's own range.
            let ticks = self.election_ticks + self.next() % self.election_ticks;
            raft.set_randomized_election_timeout(ticks as usize);
        }
        self.seen = Some(now);
    }
}
