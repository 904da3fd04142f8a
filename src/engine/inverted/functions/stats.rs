//! `inverted_stats`: the contents of an index in numbers.

use super::OURS;
use crate::engine::inverted::storage::index_pages::IndexPages;
use crate::engine::storage::buffer::Index;
use crate::engine::storage::error_context::WorkedOn;
use crate::engine::storage::open_index::Open;
use crate::pg::error::OrRaise;
use conifer_pure::inverted::{ROOT, Stats, stats};
use pgrx::iter::TableIterator;
use pgrx::prelude::*;

/// The contents of an index.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn inverted_stats(
    index: pg_sys::Oid,
) -> TableIterator<
    'static,
    (
        name!(rows, i64),
        name!(dead, i64),
        name!(pending_pages, i64),
        name!(segments, i64),
        name!(keys, i64),
        name!(terms, i64),
        name!(postings, i64),
        name!(pages, i64),
    ),
> {
    let open = Open::new(index, &OURS);
    let _at = WorkedOn::index(open.0);
    let mut pages = IndexPages::of(Index(open.0));
    let Stats { rows, dead, pending_pages, segments, keys, terms, postings, pages } =
        stats(&mut pages, ROOT).or_raise();
    TableIterator::once((
        rows as i64,
        dead as i64,
        pending_pages.into(),
        segments.into(),
        keys as i64,
        terms as i64,
        postings as i64,
        pages as i64,
    ))
}
