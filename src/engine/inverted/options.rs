//! `WITH (pending_list_limit = …)`.
#![allow(unsafe_code)]

use crate::engine::index_options::{add_int, new_kind, parse};
use crate::engine::storage::buffer::Index;
use conifer_pure::hnsw::node::PAGE;
use pgrx::prelude::*;
use std::mem::offset_of;
use std::sync::OnceLock;

/// The options as the server keeps them.
#[repr(C)]
struct Options {
    vl_len_: i32,
    pending_list_limit: i32,
}

/// Kilobytes of rows that wait to be merged.
const DEFAULT: i32 = 256;

static KIND: OnceLock<pg_sys::relopt_kind::Type> = OnceLock::new();

/// Registers the options with the server.
pub fn init() {
    KIND.get_or_init(|| {
        let kind = new_kind();
        let text = c"Maximum size of the pending list for this index, in kilobytes.";
        add_int(kind, c"pending_list_limit", text, DEFAULT, 64, i32::MAX);
        kind
    });
}

/// Pages of rows that wait to be merged: beyond, an insertion merges them.
pub fn pending_pages(index: Index) -> u32 {
    // SAFETY: the relation is open; `amoptions` has made its options.
    let stored = unsafe { (*index.0).rd_options.cast::<Options>().as_ref() };
    let kilobytes = stored.map_or(DEFAULT, |stored| stored.pending_list_limit);
    kilobytes.max(0) as u32 / (PAGE as u32 / 1024)
}

/// Reads the options of a statement.
#[pg_guard]
pub unsafe extern "C-unwind" fn amoptions(reloptions: pg_sys::Datum, validate: bool) -> *mut pg_sys::bytea {
    let options = [(c"pending_list_limit", offset_of!(Options, pending_list_limit))];
    let kind = KIND.get().copied().unwrap_or_default();
    // SAFETY: the offset is the field's own.
    unsafe { parse(reloptions, validate, kind, size_of::<Options>(), &options) }
}
