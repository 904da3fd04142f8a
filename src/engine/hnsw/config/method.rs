//! The two names of the access method: `hnsw`, and `ivfflat`, which is pgvector's other one.
//!
//! Both make the same graphs. They differ in options and settings, and in their names in messages: of an `ivfflat` index's
//! `lists`, `ivfflat.probes` are to be searched, which is taken for how far a search looks.
#![allow(unsafe_code)]

use crate::engine::storage::buffer::Index;
use crate::engine::storage::open_index::Methods;
use pgrx::prelude::*;
use std::cell::Cell;

/// Both methods, for functions that take an index of either.
pub const OURS: Methods = Methods { names: &[c"hnsw", c"ivfflat"], words: "an hnsw index" };

/// One of the two names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `hnsw`
    Hnsw,
    /// `ivfflat`
    Ivfflat,
}

thread_local! {
    static TOLD: Cell<bool> = const { Cell::new(false) };
}

impl Method {
    /// The method of an index.
    pub fn of(index: Index) -> Self {
        // SAFETY: the relation is open, and is an index of ours.
        let support = unsafe { (*(*index.0).rd_indam).amsupport };
        if support == Self::Ivfflat.support() { Self::Ivfflat } else { Self::Hnsw }
    }

    /// The method's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hnsw => "hnsw",
            Self::Ivfflat => "ivfflat",
        }
    }

    /// Number of support functions of the method's operator classes. The functions that make lists are never called; the fourth
    /// of `hnsw` is for leading columns.
    pub fn support(self) -> u16 {
        match self {
            Self::Hnsw => 4,
            Self::Ivfflat => 5,
        }
    }

    /// Tells the user, once a session, that an `ivfflat` index is a graph.
    pub fn tell(self) {
        if self == Self::Ivfflat && !TOLD.replace(true) {
            ereport!(
                NOTICE,
                PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
                "an ivfflat index is a graph here, as an hnsw index is",
                "It has no lists: \"lists\" and \"ivfflat.probes\" tell how far a search looks."
            );
        }
    }
}
