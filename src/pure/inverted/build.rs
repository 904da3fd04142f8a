//! Builds an index of many rows at once.
//!
//! Postings are collected and sorted in memory. If they need more of it than there is, what has been collected
//! becomes a segment in temporary pages, a *run*, and at the end the runs are merged.

use super::merge::{self, Posting, Row};
use super::page::Owner;
use super::root::{self, Segment};
use super::storage::{Pages, PagesMut};
use super::trouble::Trouble;
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::{out_of_memory, push};
use crate::types::sparsevec::Sparse;

/// Postings for which there is always memory.
const MIN_POSTINGS: usize = 1 << 14;

/// Bytes of a row, with what its place among others takes.
const ROW: usize = size_of::<Row>() + size_of::<(u32, u32)>() + size_of::<u32>();

/// An index that is being built.
#[derive(Debug)]
pub struct Builder {
    root: u32,
    /// Bytes for postings and rows.
    memory: usize,
    count: u64,
    rows: Vec<Row>,
    postings: Vec<Posting>,
    runs: Vec<Segment>,
}

/// What was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Built {
    /// Rows of the index.
    pub rows: u64,
    /// Pages of its segment.
    pub pages: u32,
}

impl Builder {
    /// For a root page that is there and has no rows, within so many bytes of memory.
    ///
    /// # Errors
    /// None; a memory limit is no promise that the memory is there.
    pub fn new(root: u32, memory: usize) -> Result<Self> {
        Ok(Self { root, memory, count: 0, rows: Vec::new(), postings: Vec::new(), runs: Vec::new() })
    }

    /// Adds a row of a key; 0 where there are no keys. `scratch` are temporary pages.
    ///
    /// # Errors
    /// `53200`; those of the pages.
    pub fn add(&mut self, scratch: &mut impl PagesMut, key: u32, tid: Tid, vector: Sparse<'_>) -> Result<()> {
        let more = vector.values.len();
        let used = self.rows.len() * ROW + size_of_val(&self.postings[..]);
        let limit = self.memory.max(MIN_POSTINGS * size_of::<Posting>());
        if used + more * size_of::<Posting>() + ROW > limit && !self.rows.is_empty() {
            self.spill(scratch)?;
        }
        self.room_for(more, limit)?;
        let row = self.rows.len() as u32;
        push(&mut self.rows, Row { key, tid })?;
        let elements = vector.indices.iter().zip(vector.values).filter(|(_, value)| **value != 0.0);
        self.postings.extend(elements.map(|(dim, weight)| Posting {
            dim: *dim as u32,
            row,
            weight: *weight,
        }));
        self.count += 1;
        Ok(())
    }

    /// Reserves memory for further postings, at most up to the limit as long as that is enough.
    fn room_for(&mut self, more: usize, limit: usize) -> Result<()> {
        let (len, capacity) = (self.postings.len(), self.postings.capacity());
        if capacity - len >= more {
            return Ok(());
        }
        let wanted = (capacity * 2).min(limit / size_of::<Posting>()).max(len + more);
        let refused = |_| out_of_memory(wanted * size_of::<Posting>());
        self.postings.try_reserve_exact(wanted - len).map_err(refused)
    }

    /// Bytes that rows take in memory.
    pub fn memory(&self) -> usize {
        self.postings.capacity() * size_of::<Posting>() + self.rows.capacity() * ROW
    }

    fn spill(&mut self, scratch: &mut impl PagesMut) -> Result<()> {
        let owner = Owner { root: self.root, number: u32::MAX - self.runs.len() as u32 };
        if let Some(run) = merge::write(scratch, owner, &self.rows, &mut self.postings)? {
            push(&mut self.runs, run)?;
        }
        self.rows.clear();
        self.postings.clear();
        Ok(())
    }

    /// Writes the segment, and puts it into the root. `pages` are those of the index, which nobody else sees.
    ///
    /// # Errors
    /// `53200`; those of the pages.
    pub fn finish(mut self, scratch: &mut impl PagesMut, pages: &mut impl PagesMut) -> Result<Built> {
        let owner = Owner { root: self.root, number: root::take_number(pages, self.root)? };
        let new = if self.runs.is_empty() {
            merge::write(pages, owner, &self.rows, &mut self.postings)?
        } else {
            self.spill(scratch)?;
            (self.rows, self.postings) = (Vec::new(), Vec::new());
            let mut both = FromTo { from: scratch, to: pages };
            merge::join(&mut both, self.root, &self.runs, owner).map_err(Trouble::into_fault)?
        };
        let count = new.map_or(0, |new| new.pages);
        root::change(pages, self.root, |root| new.map_or(Ok(()), |new| root.add(new)))?;
        Ok(Built { rows: self.count, pages: count })
    }
}

/// Pages that are read in one place and written in another.
struct FromTo<'a, R, W> {
    from: &'a mut R,
    to: &'a mut W,
}

impl<R: Pages, W: Pages> Pages for FromTo<'_, R, W> {
    fn count(&mut self) -> Result<u32> {
        self.from.count()
    }

    fn read<T>(&mut self, page: u32, look: impl FnOnce(&[u8]) -> T) -> Result<T> {
        self.from.read(page, look)
    }

    fn check_interrupts(&mut self) -> Result<()> {
        self.to.check_interrupts()
    }
}

impl<R: Pages, W: PagesMut> PagesMut for FromTo<'_, R, W> {
    fn allocate(&mut self, owner: Owner) -> Result<u32> {
        self.to.allocate(owner)
    }

    fn write(&mut self, page: u32, room: &[u8]) -> Result<()> {
        self.to.write(page, room)
    }

    fn change<T>(
        &mut self,
        pages: &[u32],
        change: impl FnOnce(&mut [&mut [u8]]) -> Result<(T, bool)>,
    ) -> Result<T> {
        self.to.change(pages, change)
    }

    fn change_below<T>(
        &mut self,
        root: u32,
        pick: impl FnOnce(&[u8]) -> Result<Option<u32>>,
        change: impl FnOnce(&mut [u8]) -> Result<(T, bool)>,
    ) -> Result<Option<T>> {
        self.to.change_below(root, pick, change)
    }

    fn record_free(&mut self, page: u32) -> Result<()> {
        self.to.record_free(page)
    }
}
