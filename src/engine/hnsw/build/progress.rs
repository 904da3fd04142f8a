//! The progress of a build, for `pg_stat_progress_create_index`.
//!
//! In each of the steps, rows count from 0, through all keys. Pages count while they are written; their total is a guess until
//! the last graph is there.
#![allow(unsafe_code)]

use crate::engine::build_progress;
pub use crate::engine::build_progress::{all_rows, pages, rows};
use conifer_pure::hnsw::build::Phase;
use pgrx::prelude::*;
use std::ffi::{CStr, c_char};

/// A step of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub enum Step {
    /// Rows are read from the table.
    Load = 2,
    /// Nodes are inserted.
    Insert,
    /// Free edge slots are filled.
    Fill,
    /// Nodes that cannot be reached are linked.
    Repair,
    /// Node records are made and written.
    Write,
}

impl From<Phase> for Step {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Insert | Phase::Refine => Self::Insert,
            Phase::Fill => Self::Fill,
            Phase::Repair => Self::Repair,
        }
    }
}

/// The names of the steps.
#[pg_guard]
pub unsafe extern "C-unwind" fn ambuildphasename(step: i64) -> *mut c_char {
    let name: &CStr = match step {
        1 => c"initializing",
        2 => c"loading tuples",
        3 => c"building graph",
        4 => c"filling edge slots",
        5 => c"linking",
        6 => c"writing pages",
        _ => return std::ptr::null_mut(),
    };
    name.as_ptr().cast_mut()
}

/// Reports that the build enters a step.
pub fn enter(step: Step) {
    build_progress::step(step as i64);
}
