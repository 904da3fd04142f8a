//! A backend's cache of which nodes match filters, kept from scan to scan.
//!
//! A row's indexed columns never change under its TID while the index has the TID: an update that changes one of them makes
//! another row, as the columns of filters are columns of the index and updates of those are not HOT. So what a row that a snapshot
//! sees has said of a filter stays true until a vacuum has taken the TID out of the index, after which table and index may give
//! TID and node record to other rows. Each vacuum counts itself on the first page before it begins and after its end
//! ([`vacuums`]), in the WAL as everything; a scan reads the number when it starts, and forgets what was kept with another.
//!
//! Answers are kept only while the number is the one that their scan has started with. A scan that goes on while a vacuum
//! comes and ends holds a snapshot that the vacuum heeds: no row that it sees leaves the table.
//!
//! Nodes with more than one row are not kept, nor rows that the snapshot does not see.
#![allow(unsafe_code)] // a variable of the process

use super::change_counts::vacuums;
use super::meta_cache::{Name, name};
use crate::engine::storage::buffer::Index;
use conifer_pure::Result;
use conifer_pure::hnsw::search::KnownMatches;
use conifer_pure::memory::allocation::push;
use pgrx::pg_sys;
use std::cell::RefCell;
use std::rc::Rc;

/// Filters that are remembered.
const MAX: usize = 16;

/// Answers that are known for a filter.
struct Kept {
    /// The number of vacuums that this was learned at.
    vacuums: u32,
    known: KnownMatches,
}

/// A filter of an index, and what is known for it.
struct Filter {
    index: Name,
    /// The bytes of the filter's conditions.
    conditions: Vec<u8>,
    kept: Rc<RefCell<Kept>>,
}

impl Filter {
    fn bytes(&self) -> usize {
        self.conditions.capacity() + self.kept.borrow().known.bytes()
    }
}

thread_local! {
    /// The one that was used last is the last.
    static FILTERS: RefCell<Vec<Filter>> = const { RefCell::new(vec![]) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    FILTERS.with(|_| ());
}

/// What a scan knows of its filter, and learns.
pub struct MatchCache {
    kept: Rc<RefCell<Kept>>,
    /// The number of vacuums when the scan has started.
    vacuums: u32,
    /// Bytes that the table of this filter may grow to.
    max: usize,
}

impl MatchCache {
    /// What is known for a filter of an index, by the bytes of its conditions. Nothing of the index that the scan reads was read
    /// yet. All filters take a quarter of `work_mem`: those that were not used for longest give way.
    ///
    /// # Errors
    /// `53200`, and those of the first page.
    pub fn of(index: Index, conditions: Vec<u8>) -> Result<Self> {
        // SAFETY: a variable of this process.
        let limit = unsafe { pg_sys::work_mem } as usize * 1024 / 4;
        let (vacuums, name) = (vacuums(index)?, name(index));
        FILTERS.with_borrow_mut(|all| {
            let is = |filter: &Filter| filter.index == name && filter.conditions == conditions;
            let filter = match all.iter().position(is) {
                Some(at) => all.remove(at),
                None => {
                    let kept = Kept { vacuums, known: KnownMatches::default() };
                    Filter { index: name, conditions, kept: Rc::new(RefCell::new(kept)) }
                }
            };
            let mut kept = filter.kept.borrow_mut();
            if kept.vacuums != vacuums {
                kept.known.clear();
                kept.vacuums = vacuums;
            }
            drop(kept);
            let mut others: usize = all.iter().map(Filter::bytes).sum();
            while all.len() >= MAX || !all.is_empty() && others + filter.bytes() > limit {
                others -= all.remove(0).bytes();
            }
            let max = limit.saturating_sub(others + filter.conditions.capacity());
            let kept = filter.kept.clone();
            push(all, filter)?;
            Ok(Self { kept, vacuums, max })
        })
    }

    /// Forgets an index, which is made anew: in the same file if this transaction has made the file.
    pub fn forget(index: Index) {
        let name = name(index);
        FILTERS.with_borrow_mut(|all| all.retain(|filter| filter.index != name));
    }

    /// Whether a node's only row matches, if that is known.
    #[inline]
    pub fn get(&self, number: u32) -> Option<bool> {
        let kept = self.kept.borrow();
        if kept.vacuums == self.vacuums { kept.known.get(number) } else { None }
    }

    /// Notes that a node with one row was read. True: it was before, by a scan with this filter, and nothing is known of its row.
    ///
    /// # Errors
    /// `53200`.
    pub fn meet(&self, number: u32) -> Result<bool> {
        let mut kept = self.kept.borrow_mut();
        if kept.vacuums == self.vacuums { kept.known.meet(number, self.max) } else { Ok(false) }
    }

    /// Notes whether a node's only row matches.
    ///
    /// # Errors
    /// `53200`.
    pub fn set(&self, number: u32, matches: bool) -> Result<()> {
        let mut kept = self.kept.borrow_mut();
        if kept.vacuums == self.vacuums { kept.known.set(number, matches, self.max) } else { Ok(()) }
    }
}
