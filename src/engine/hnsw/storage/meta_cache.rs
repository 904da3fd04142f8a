//! A backend's cache of meta pages (nbtree's metacache): the parts that never change, read once.
#![allow(unsafe_code)]

use super::page::{self, Kind};
use crate::engine::hnsw::config::opclass::Columns;
use crate::engine::storage::buffer::{Index, Mode};
use crate::pg::error::OrRaise;
use crate::pg::relation;
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::node::{REINDEX, corrupted};
use conifer_pure::hnsw::pages::{Meta, pgvector};
use conifer_pure::hnsw::rotation::Rotation;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::rc::Rc;

/// The first page.
pub const META: u32 = 0;
/// Indexes that are remembered.
const MAX: usize = 32;

/// The constant properties of an index.
#[derive(Debug)]
pub struct MetaCache {
    /// The meta page.
    pub meta: Meta,
    /// The rotation of the index's vectors.
    pub rotation: Rotation,
    /// The index's columns.
    pub columns: Columns,
}

/// An index in its present file.
pub type Name = (pg_sys::Oid, u32);

thread_local! {
    static KNOWN: RefCell<Vec<(Name, Rc<MetaCache>)>> = const { RefCell::new(vec![]) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    KNOWN.with(|_| ());
}

/// The name of an index.
pub fn name(index: Index) -> Name {
    // SAFETY: the relation is open.
    unsafe {
        #[cfg(feature = "pg15")]
        let file = (*index.0).rd_node.relNode;
        #[cfg(not(feature = "pg15"))]
        let file = (*index.0).rd_locator.relNumber;
        ((*index.0).rd_id, u32::from(file))
    }
}

impl MetaCache {
    /// The properties of an index, from the cache or from its first page.
    ///
    /// Raises `XX002` if the first page is corrupted, `0A000` if pgvector has written it.
    pub fn of(index: Index) -> Rc<Self> {
        let name = name(index);
        let known = KNOWN.with_borrow(|all| all.iter().find(|(n, _)| *n == name).map(|(_, k)| k.clone()));
        known.unwrap_or_else(|| {
            let new = Rc::new(Self::read(index).or_raise());
            KNOWN.with_borrow_mut(|all| {
                if all.len() >= MAX {
                    all.remove(0);
                }
                all.push((name, new.clone()));
            });
            new
        })
    }

    /// Forgets an index, which is made anew: in the same file if this transaction has made the file.
    pub fn forget(index: Index) {
        let name = name(index);
        KNOWN.with_borrow_mut(|all| all.retain(|(n, _)| *n != name));
    }

    /// Reads the first page, whatever is cached.
    ///
    /// # Errors
    /// A first page that is corrupted, or of another format.
    pub fn read(index: Index) -> Result<Self> {
        let columns = Columns::of(index);
        let first = index.page(META, Mode::Share);
        if let Some(method) = pgvector::method(first.bytes()) {
            let message = format!("index \"{}\" is in the format of pgvector's {method}", index.name());
            let hint = format!("Run REINDEX INDEX {}.", relation::qualified_name(index.0));
            return Err(Fault::new(state::FEATURE_NOT_SUPPORTED, message).hint(hint));
        }
        page::check(first.bytes(), Kind::Meta)?;
        let meta = Meta::read(page::room(first.bytes()))?;
        drop(first);
        let same = (meta.layout.metric(), meta.element, usize::from(meta.columns))
            == (columns.class.metric, columns.class.element, columns.key.len());
        if !same {
            let message = format!("index \"{}\" was made for other operator classes", index.name());
            return Err(Fault::new(state::INDEX_CORRUPTED, message).hint(REINDEX));
        }
        if (meta.directory == 0) != columns.key.is_empty() {
            return Err(corrupted("it has no directory of keys, or one for no keys"));
        }
        Ok(Self { rotation: meta.rotation(), meta, columns })
    }
}
