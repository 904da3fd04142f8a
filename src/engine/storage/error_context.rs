//! The index that is worked on, for errors to name it, with the page and node that were read last.
//!
//! The pure parts know bytes and numbers, and no index. So each function that the server or a user calls notes its index, and a
//! fault about corrupted bytes is completed where it becomes an error. The noted page is no accusation: the edge that leads
//! nowhere may be of a node that was read before.

use crate::pg::{error, relation};
use conifer_pure::fault::Fault;
use conifer_pure::hnsw::node::{REINDEX, how_corrupted};
use pgrx::pg_sys;
use std::cell::Cell;

#[derive(Clone, Copy)]
struct Noted {
    relation: pg_sys::Relation,
    page: Option<u32>,
    node: Option<u32>,
}

thread_local! {
    static NOTED: Cell<Option<Noted>> = const { Cell::new(None) };
}

/// Notes an index until this is dropped, and then the index that was noted before: an expression of one index may scan another.
#[must_use]
pub struct WorkedOn(Option<Noted>);

impl WorkedOn {
    /// Notes an index, which stays open until this is dropped.
    #[inline]
    pub fn index(relation: pg_sys::Relation) -> Self {
        Self(NOTED.replace(Some(Noted { relation, page: None, node: None })))
    }
}

impl Drop for WorkedOn {
    fn drop(&mut self) {
        NOTED.set(self.0);
    }
}

/// Notes that a page is read, of the index or, where rows are looked for, of its table.
#[inline]
pub fn page(relation: pg_sys::Relation, page: u32) {
    let noted = NOTED.get();
    debug_assert!(noted.is_some(), "the index is not noted");
    if let Some(noted) = noted.filter(|noted| noted.relation == relation) {
        NOTED.set(Some(Noted { page: Some(page), node: None, ..noted }));
    }
}

/// Notes that a node record is read, which starts on `page`.
#[inline]
pub fn node(node: u32, page: u32) {
    NOTED.set(NOTED.get().map(|noted| Noted { page: Some(page), node: Some(node), ..noted }));
}

/// Has faults of corrupted indexes name the index.
pub fn init() {
    error::amend_by(named);
}

/// The fault, completed by the noted index, node and page.
fn named(fault: Fault) -> Fault {
    let Some(noted) = NOTED.get().filter(|_| fault.hint.as_deref() == Some(REINDEX)) else { return fault };
    let how = how_corrupted(&fault);
    let message = how.map(|how| format!("index \"{}\" is corrupted: {how}", relation::name(noted.relation)));
    let message = message.unwrap_or(fault.message);
    let detail = match (noted.node, noted.page) {
        (Some(node), Some(page)) => Some(format!("Node {node} on page {page} was read last.")),
        (None, Some(page)) => Some(format!("Page {page} was read last.")),
        (_, None) => None,
    };
    let hint = format!("Run REINDEX INDEX {}.", relation::qualified_name(noted.relation));
    Fault { message, detail: fault.detail.or(detail), hint: Some(hint), ..fault }
}
