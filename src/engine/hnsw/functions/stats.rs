//! `hnsw_stats` and `hnsw_size`: the contents of an index in numbers.

use crate::engine::hnsw::config::method::OURS;
use crate::engine::hnsw::storage::key_directory;
use crate::engine::hnsw::storage::meta_cache::{META, MetaCache};
use crate::engine::hnsw::storage::node_reader::NodeReader;
use crate::engine::hnsw::storage::page;
use crate::engine::hnsw::storage::page::Kind;
use crate::engine::storage::buffer::{Index, Mode};
use crate::engine::storage::error_context::WorkedOn;
use crate::engine::storage::open_index::Open;
use crate::pg::error::OrRaise;
use conifer_pure::hnsw::node::{NodeRef, PAGE, State, TidListRef};
use conifer_pure::hnsw::pages::Key;
use conifer_pure::hnsw::search::Pages;
use conifer_pure::memory::allocation;
use conifer_pure::memory::allocation::{Reserve, with_room};
use pgrx::iter::TableIterator;
use pgrx::prelude::*;
use std::collections::{BTreeMap, HashMap};

/// Counts of a graph.
#[derive(Default)]
struct Count {
    nodes: i64,
    dead: i64,
    tuples: i64,
    edges: i64,
}

/// The graphs of an index.
#[pg_extern(sql = false)]
#[allow(clippy::type_complexity)]
fn hnsw_stats(
    index: pg_sys::Oid,
) -> TableIterator<
    'static,
    (
        name!(key, Option<String>),
        name!(nodes, i64),
        name!(dead, i64),
        name!(tuples, i64),
        name!(level, i32),
        name!(edges, i64),
    ),
> {
    let open = Open::new(index, &OURS);
    let index = Index(open.0);
    let _at = WorkedOn::index(index.0);
    let known = MetaCache::of(index);
    let mut counts: HashMap<u32, Count> = HashMap::new();
    each_node(index, &known, |_, bytes| {
        let record = NodeRef::new(&known.meta.layout, bytes).or_raise();
        let header = record.header();
        counts.room_for(1).or_raise();
        let count = counts.entry(header.graph).or_default();
        match header.state {
            State::Live | State::Dead => {
                count.edges += record.neighbours().count() as i64;
                if header.level == 0 {
                    let dead = header.state == State::Dead;
                    *(if dead { &mut count.dead } else { &mut count.nodes }) += 1;
                    count.tuples += i64::from(header.tid.is_some());
                }
            }
            State::TidList => {
                let rows = TidListRef::new(&known.meta.layout, bytes).or_raise();
                count.tuples += rows.map_or(0, |rows| rows.tids().count()) as i64;
            }
            State::Free => {}
        }
    });
    let graphs = key_directory::all(index, &known).or_raise();
    let mut rows = with_room(graphs.len()).or_raise();
    for (key, entry) in graphs {
        // The texts of keys are small, and many.
        allocation::check().or_raise();
        let Some(root) = entry.root else { continue };
        let count = counts.remove(&root.graph).unwrap_or_default();
        let columns = &known.columns.key;
        let kinds: Vec<_> = columns.iter().map(|leading| leading.column).collect();
        let text = |i: usize, bytes: &[u8]| columns[i].text(bytes);
        let key = (!columns.is_empty()).then(|| Key::display(&kinds, &key, text));
        rows.push((key, count.nodes, count.dead, count.tuples, i32::from(root.level), count.edges));
    }
    TableIterator::new(rows)
}

/// The contents of the pages: numbers and bytes of node records by kind, and of pages.
#[pg_extern(sql = false)]
fn hnsw_size(
    index: pg_sys::Oid,
) -> TableIterator<'static, (name!(kind, String), name!(count, i64), name!(bytes, i64))> {
    let open = Open::new(index, &OURS);
    let index = Index(open.0);
    let _at = WorkedOn::index(index.0);
    let known = MetaCache::of(index);
    let layout = &known.meta.layout;
    let mut sizes: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut add = |kind, bytes: usize| {
        let size = sizes.entry(kind).or_default();
        *size = (size.0 + 1, size.1 + bytes as i64);
    };
    each_node(index, &known, |_, bytes| {
        let header = *NodeRef::new(layout, bytes).or_raise().header();
        let kind = match (header.state, header.level) {
            (State::Free, _) => "free nodes",
            (State::TidList, _) => "tid lists",
            (State::Live | State::Dead, 0) => "nodes on level 0",
            (State::Live | State::Dead, _) => "nodes above level 0",
        };
        add(kind, layout.node_bytes());
    });
    for number in 0..index.pages() {
        pgrx::check_for_interrupts!();
        let kind = page::kind(index.page(number, Mode::Share).bytes()).or_raise();
        if matches!(kind, Kind::Branch | Kind::Leaf) {
            add("pages of the directory of keys", PAGE);
        }
        add("pages", PAGE);
    }
    TableIterator::new(
        sizes.into_iter().map(|(kind, (n, bytes))| (kind.to_owned(), n, bytes)).collect::<Vec<_>>(),
    )
}

/// Calls `look` with each node record and its number.
fn each_node(index: Index, known: &MetaCache, mut look: impl FnMut(u32, &[u8])) {
    let layout = &known.meta.layout;
    let mut records = NodeReader::new(index, *layout);
    for number in META + 1..index.pages() {
        pgrx::check_for_interrupts!();
        if page::kind(index.page(number, Mode::Share).bytes()).or_raise() != Kind::Nodes {
            continue;
        }
        for position in 0..layout.per_page() as u32 {
            let record = layout.first_on(number) + position;
            records.read(record, |bytes| look(record, bytes)).or_raise();
        }
    }
}
