//! Election timeouts from a seeded generator. raft-rs draws them from the process's global one
//! whenever it resets its timer, which no simulation could repeat; so after each call the timeout
//! is drawn again, by us, if the timer was reset.

use crate::storage::LogTail;
use raft::{Raft, StateRole};

pub struct ElectionTimeout {
    state: u64,
    election_ticks: u64,
    campaign_ticks: u64,
    seen: Option<(u64, StateRole, usize)>,
}

impl ElectionTimeout {
    pub fn new(seed: u64, election_ticks: u64, campaign_ticks: u64) -> Self {
        ElectionTimeout { state: seed, election_ticks, campaign_ticks, seen: None }
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
            // From once to twice as long, as raft-rs draws them.
            let least = match raft.state {
                StateRole::Follower | StateRole::Leader => self.election_ticks,
                StateRole::PreCandidate | StateRole::Candidate => self.campaign_ticks,
            };
            let ticks = least + self.next() % least;
            raft.set_randomized_election_timeout(ticks as usize);
        }
        self.seen = Some(now);
    }
}
