//! Progress and cancelling: the state shared by a running construction and its waiting caller.

use crate::fault::Fault;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

/// The state shared with a construction, which counts the nodes it has done and checks whether it is cancelled.
#[derive(Debug, Default)]
pub struct Control {
    cancel: AtomicBool,
    phase: AtomicU8,
    done: AtomicU64,
}

/// The phase of a construction. Each phase counts its nodes from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Nodes are inserted one after the other.
    Insert,
    /// Edges are chosen anew on the whole graph; only with [`Params::refine`](crate::hnsw::params::Params::refine).
    Refine,
    /// Free edge slots are filled.
    Fill,
    /// Unreachable nodes are linked.
    Repair,
}

impl Control {
    /// Stops all workers after their current nodes, within milliseconds.
    pub fn cancel(&self) {
        self.cancel.store(true, Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Relaxed)
    }

    /// The phase, and the number of nodes it has done.
    pub fn progress(&self) -> (Phase, u64) {
        let phase = match self.phase.load(Relaxed) {
            0 => Phase::Insert,
            1 => Phase::Refine,
            2 => Phase::Fill,
            _ => Phase::Repair,
        };
        (phase, self.done.load(Relaxed))
    }

    /// Starts a phase.
    pub fn enter(&self, phase: Phase) {
        self.done.store(0, Relaxed);
        self.phase.store(phase as u8, Relaxed);
    }

    #[inline]
    pub(super) fn advance(&self) {
        self.done.fetch_add(1, Relaxed);
    }
}

/// Why there is no graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// [`Control::cancel`] was called.
    Cancelled,
    /// A worker panicked, with this message: a bug here or in the space.
    Panicked(String),
    /// The construction failed: there is no memory, say.
    Refused(Fault),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}
