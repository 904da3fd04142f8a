//! An index in memory, for tests and benchmarks.

use super::build::Builder;
use super::meta::{META, Meta, ROOT};
use super::page::{self, Owner, ROOM, corrupted};
use super::root;
use super::storage::{Pages, PagesMut};
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::{push, zeros};
use crate::types::sparsevec::Sparse;

/// Pages in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryPages {
    /// The rooms of all pages.
    pub pages: Vec<Vec<u8>>,
    /// Pages that are said to be free; some may not be.
    pub free: Vec<u32>,
    /// Pages that were read so far.
    pub reads: u64,
}

impl MemoryPages {
    /// The first page and a root without rows.
    ///
    /// # Errors
    /// `53200`.
    pub fn new() -> Result<Self> {
        let mut new = Self { pages: vec![zeros(ROOM)?, zeros(ROOM)?], ..Self::default() };
        Meta::default().write(&mut new.pages[META as usize])?;
        root::format(&mut new.pages[ROOT as usize], ROOT)?;
        Ok(new)
    }

    /// An index built of rows without keys, in that much memory.
    ///
    /// # Errors
    /// Those of the builder.
    pub fn built<'a>(rows: impl IntoIterator<Item = (Tid, Sparse<'a>)>, memory: usize) -> Result<Self> {
        Self::keyed(rows.into_iter().map(|(tid, vector)| (0, tid, vector)), memory)
    }

    /// An index built of rows with their keys, in that much memory.
    ///
    /// # Errors
    /// Those of the builder.
    pub fn keyed<'a>(rows: impl IntoIterator<Item = (u32, Tid, Sparse<'a>)>, memory: usize) -> Result<Self> {
        let (mut pages, mut scratch) = (Self::new()?, Self::default());
        let mut builder = Builder::new(ROOT, memory)?;
        rows.into_iter().try_for_each(|(key, tid, vector)| builder.add(&mut scratch, key, tid, vector))?;
        builder.finish(&mut scratch, &mut pages)?;
        Ok(pages)
    }

    /// Gives a page that was changed the checksum of its bytes.
    pub fn seal(&mut self, page: u32) {
        if let Some(room) = self.pages.get_mut(page as usize) {
            let used = page::used(room).max(page::HEADER);
            page::seal(room, used);
        }
    }

    fn room(&mut self, page: u32) -> Result<&mut Vec<u8>> {
        self.pages.get_mut(page as usize).ok_or_else(|| corrupted(format_args!("there is no page {page}")))
    }
}

impl Pages for MemoryPages {
    fn count(&mut self) -> Result<u32> {
        Ok(self.pages.len() as u32)
    }

    fn read<R>(&mut self, page: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        self.reads += 1;
        Ok(look(self.room(page)?))
    }

    fn check_interrupts(&mut self) -> Result<()> {
        Ok(())
    }
}

impl PagesMut for MemoryPages {
    fn allocate(&mut self, owner: Owner) -> Result<u32> {
        let page = loop {
            match self.free.pop() {
                Some(page) if page::is_free(self.room(page)?)? => break page,
                Some(_) => {}
                None => {
                    push(&mut self.pages, zeros(ROOM)?)?;
                    break self.pages.len() as u32 - 1;
                }
            }
        };
        page::format_reserved(self.room(page)?, page, owner)?;
        Ok(page)
    }

    fn write(&mut self, page: u32, room: &[u8]) -> Result<()> {
        self.room(page)?.copy_from_slice(room);
        Ok(())
    }

    fn change<R>(
        &mut self,
        pages: &[u32],
        change: impl FnOnce(&mut [&mut [u8]]) -> Result<(R, bool)>,
    ) -> Result<R> {
        let mut copies: Vec<Vec<u8>> = Vec::new();
        for page in pages {
            let copy = self.room(*page)?.clone();
            push(&mut copies, copy)?;
        }
        let mut rooms: Vec<&mut [u8]> = copies.iter_mut().map(|copy| &mut copy[..]).collect();
        let (result, changed) = change(&mut rooms)?;
        if changed {
            for (page, mut copy) in pages.iter().zip(copies) {
                // As the WAL may have it.
                let used = page::used(&copy);
                copy[used..].fill(0);
                *self.room(*page)? = copy;
            }
        }
        Ok(result)
    }

    fn change_below<R>(
        &mut self,
        root: u32,
        pick: impl FnOnce(&[u8]) -> Result<Option<u32>>,
        change: impl FnOnce(&mut [u8]) -> Result<(R, bool)>,
    ) -> Result<Option<R>> {
        let Some(page) = pick(self.room(root)?)? else { return Ok(None) };
        self.change(&[page], |rooms| match rooms.first_mut() {
            Some(room) => change(room),
            None => Err(corrupted("a page is missing")),
        })
        .map(Some)
    }

    fn record_free(&mut self, page: u32) -> Result<()> {
        push(&mut self.free, page)
    }
}
