//! What passes between a running construction and whoever waits for it.

use crate::fault::Fault;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

/// Shared with a construction: it counts what it has done and looks whether it shall stop.
#[derive(Debug, Default)]
pub struct Control {
    cancel: AtomicBool,
    phase: AtomicU8,
    done: AtomicU64,
}

/// What a construction is at. Each phase counts its nodes from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Nodes are inserted one after the other.
    Insert,
    /// Edges are chosen anew on the whole graph; only with [`Params::refine`](crate::hnsw::params::Params::refine).
    Refine,
    /// Free lanes are filled.
    Fill,
    /// Nodes that cannot be reached are linked.
    Repair,
}

impl Control {
    /// Stops all workers after the nodes they are at; within milliseconds.
    pub fn cancel(&self) {
        self.cancel.store(true, Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Relaxed)
    }

    /// The phase and the nodes it is done with.
    pub fn progress(&self) -> (Phase, u64) {
        let phase = match self.phase.load(Relaxed) {
            0 => Phase::Insert,
            1 => Phase::Refine,
            2 => Phase::Fill,
            _ => Phase::Repair,
        };
        (phase, self.done.load(Relaxed))
    }

    /// Goes on to a phase.
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
    /// Something was refused, as memory.
    Refused(Fault),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}
