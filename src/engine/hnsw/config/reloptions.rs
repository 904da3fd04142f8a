//! `WITH (m = …, ef_construction = …)` of `hnsw`, and `WITH (lists = …)` of `ivfflat`.
#![allow(unsafe_code)]

use super::method::Method;
use crate::engine::index_options::{add_int, new_kind, parse};
use crate::engine::storage::buffer::Index;
use pgrx::prelude::*;
use std::mem::offset_of;
use std::sync::OnceLock;

/// The options of `hnsw` as the server keeps them.
#[repr(C)]
struct Hnsw {
    vl_len_: i32,
    m: i32,
    ef_construction: i32,
}

/// The options of `ivfflat` as the server keeps them.
#[repr(C)]
struct Ivfflat {
    vl_len_: i32,
    lists: i32,
}

/// The options that the graph of an index is built by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// HNSW's M; `Params` derives the number of edge slots from it.
    pub m: u16,
    /// HNSW's efConstruction: the number of candidates that edges are chosen from follows from it.
    pub ef_construction: u16,
}

const DEFAULT: Options = Options { m: 16, ef_construction: 64 };
const DEFAULT_LISTS: i32 = 100;

static HNSW: OnceLock<pg_sys::relopt_kind::Type> = OnceLock::new();
static IVFFLAT: OnceLock<pg_sys::relopt_kind::Type> = OnceLock::new();

/// Registers the options with the server.
pub fn init() {
    HNSW.get_or_init(|| {
        let kind = new_kind();
        let (m, ef) = (i32::from(DEFAULT.m), i32::from(DEFAULT.ef_construction));
        add_int(kind, c"m", c"Max number of connections", m, 2, 100);
        add_int(
            kind,
            c"ef_construction",
            c"Size of the dynamic candidate list for construction",
            ef,
            4,
            1000,
        );
        kind
    });
    IVFFLAT.get_or_init(|| {
        let kind = new_kind();
        add_int(kind, c"lists", c"Number of inverted lists", DEFAULT_LISTS, 1, 32768);
        kind
    });
}

impl Options {
    /// The options of an index.
    pub fn of(index: Index) -> Self {
        if Method::of(index) == Method::Ivfflat {
            return DEFAULT;
        }
        // SAFETY: the relation is open; `of_hnsw` has made its options.
        unsafe {
            match (*index.0).rd_options.cast::<Hnsw>().as_ref() {
                Some(stored) => Self { m: stored.m as u16, ef_construction: stored.ef_construction as u16 },
                None => DEFAULT,
            }
        }
    }
}

/// The option `lists` of an `ivfflat` index; none of an `hnsw` index.
pub fn lists(index: Index) -> Option<u32> {
    if Method::of(index) == Method::Hnsw {
        return None;
    }
    // SAFETY: the relation is open; `of_ivfflat` has made its options.
    let stored = unsafe { (*index.0).rd_options.cast::<Ivfflat>().as_ref() };
    Some(stored.map_or(DEFAULT_LISTS, |stored| stored.lists) as u32)
}

fn kind(of: &OnceLock<pg_sys::relopt_kind::Type>) -> pg_sys::relopt_kind::Type {
    of.get().copied().unwrap_or_default()
}

/// Reads the options of a statement about `hnsw`.
#[pg_guard]
pub unsafe extern "C-unwind" fn of_hnsw(reloptions: pg_sys::Datum, validate: bool) -> *mut pg_sys::bytea {
    let options = [(c"m", offset_of!(Hnsw, m)), (c"ef_construction", offset_of!(Hnsw, ef_construction))];
    // SAFETY: the offsets are the fields' own.
    unsafe { parse(reloptions, validate, kind(&HNSW), size_of::<Hnsw>(), &options) }
}

/// Reads the options of a statement about `ivfflat`.
#[pg_guard]
pub unsafe extern "C-unwind" fn of_ivfflat(reloptions: pg_sys::Datum, validate: bool) -> *mut pg_sys::bytea {
    // SAFETY: as above.
    unsafe {
        parse(
            reloptions,
            validate,
            kind(&IVFFLAT),
            size_of::<Ivfflat>(),
            &[(c"lists", offset_of!(Ivfflat, lists))],
        )
    }
}
