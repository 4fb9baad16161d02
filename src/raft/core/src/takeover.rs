//! What becomes of a request to lead that comes while a committed change of members is not applied
//! here: raft-rs drops it, and the leader that sent it would wait in vain, without taking writes,
//! for an election timeout. Here it waits until the change is applied.

use crate::storage::LogTail;
use raft::prelude::*;
use raft::{Raft, RawNode, StateRole};

pub struct Takeover {
    /// Its sender gives up after so long.
    patience_ticks: u64,
    waiting: Option<(Message, u64)>,
}

impl Takeover {
    pub fn new(patience_ticks: u64) -> Self {
        Takeover { patience_ticks, waiting: None }
    }

    /// Whether `message` is such a request.
    pub fn asks(message: &Message) -> bool {
        message.get_msg_type() == MessageType::MsgTimeoutNow
    }

    /// `request` was taken in.
    pub fn stepped(&mut self, raft: &Raft<LogTail>, request: Message) {
        self.waiting = Self::is_held_up(raft, &request).then_some((request, 0));
    }

    pub fn tick(&mut self) {
        let patience = self.patience_ticks;
        self.waiting = self.waiting.take().map(|(request, age)| (request, age + 1)).filter(|(_, age)| *age < patience);
    }

    /// More was applied.
    pub fn applied(&mut self, node: &mut RawNode<LogTail>) {
        self.waiting = self.waiting.take().filter(|(request, _)| {
            Self::stands(&node.raft, request)
                && node.step(request.clone()).is_ok()
                && Self::is_held_up(&node.raft, request)
        });
    }

    /// Whether who sent it still leads, and this node follows.
    fn stands(raft: &Raft<LogTail>, request: &Message) -> bool {
        let is_from_leader = raft.term == request.term && raft.leader_id == request.from;
        raft.state == StateRole::Follower && raft.promotable() && is_from_leader
    }

    fn is_held_up(raft: &Raft<LogTail>, request: &Message) -> bool {
        Self::stands(raft, request) && raft.raft_log.applied < raft.raft_log.committed
    }
}
