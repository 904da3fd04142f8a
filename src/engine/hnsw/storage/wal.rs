//! Changes of node records: pages locked in order, changed all at once, and written to the WAL as differences (GenericXLog).
#![allow(unsafe_code)]

use super::meta_cache::META;
use super::page::{self, Kind};
use crate::engine::storage::buffer::{Index, Mode, Page, Ring};
use crate::engine::storage::error_context;
use conifer_pure::Result;
use conifer_pure::hnsw::node::{Header, Layout, PAGE, ROOM, State, corrupted};
use conifer_pure::hnsw::pages::Meta;
use pgrx::pg_sys;

/// Maximum number of pages of a WAL record.
const MAX: usize = pg_sys::MAX_GENERIC_XLOG_PAGES as usize;

/// Node records whose pages are locked for writing, in ascending order.
pub struct LockedNodes<'a> {
    index: Index,
    layout: &'a Layout,
    pages: Vec<Page>,
    /// Node records of several pages, put together.
    whole: Vec<(u32, Vec<u8>)>,
}

impl<'a> LockedNodes<'a> {
    /// Locks the pages of node records. The caller holds no page but that of a root, which comes before all node pages.
    ///
    /// # Errors
    /// Numbers that lie on no page, pages of another kind.
    pub fn lock(index: Index, layout: &'a Layout, numbers: &[u32]) -> Result<Self> {
        Self::lock_by(index, layout, std::ptr::null_mut(), numbers)
    }

    /// As [`lock`](Self::lock), through a ring of buffers.
    ///
    /// # Errors
    /// As `lock`.
    pub fn lock_by(index: Index, layout: &'a Layout, ring: Ring, numbers: &[u32]) -> Result<Self> {
        let mut all = vec![];
        for number in numbers {
            let first = layout.place(*number)?.page;
            all.extend(first..first + layout.unit_pages() as u32);
        }
        all.sort_unstable();
        all.dedup();
        if let Some(last) = all.last().filter(|last| **last >= index.pages()) {
            return Err(corrupted(format_args!("link to page {last}")));
        }
        let pages: Vec<Page> =
            all.into_iter().map(|number| index.read(number, Mode::Exclusive, ring)).collect();
        let mut new = Self { index, layout, pages, whole: vec![] };
        for page in &new.pages {
            let first =
                numbers.iter().any(|number| layout.place(*number).is_ok_and(|at| at.page == page.number()));
            page::check(page.bytes(), if first { Kind::Nodes } else { Kind::Piece })?;
        }
        if layout.unit_pages() > 1 {
            for number in numbers {
                if new.whole.iter().all(|(n, _)| n != number) {
                    let whole = new.gather(*number)?;
                    new.whole.push((*number, whole));
                }
            }
        }
        Ok(new)
    }

    fn at(&self, page: u32) -> Result<usize> {
        self.pages
            .iter()
            .position(|held| held.number() == page)
            .ok_or_else(|| corrupted(format_args!("page {page} is not locked")))
    }

    fn gather(&self, number: u32) -> Result<Vec<u8>> {
        let first = self.layout.place(number)?.page;
        let mut whole = vec![];
        for page in first..first + self.layout.unit_pages() as u32 {
            whole.extend_from_slice(page::room(self.pages[self.at(page)?].bytes()));
        }
        Ok(whole)
    }

    /// The bytes of a node record.
    ///
    /// # Errors
    /// If it is not locked.
    pub fn node(&self, number: u32) -> Result<&[u8]> {
        if self.layout.unit_pages() > 1 {
            error_context::node(number, self.layout.place(number)?.page);
            let whole = self.whole.iter().find(|(n, _)| *n == number);
            return whole.map(|(_, whole)| &whole[..]).ok_or_else(|| corrupted("a node is not locked"));
        }
        let place = self.layout.place(number)?;
        error_context::node(number, place.page);
        let room = page::room(self.pages[self.at(place.page)?].bytes());
        room.get(place.offset..).ok_or_else(|| corrupted("it is cut off"))
    }

    /// Starts a change of the locked node records.
    pub fn change(self) -> WalBatch<'a> {
        let before = self.whole.clone();
        // SAFETY: the relation is open.
        let state = unsafe { pg_sys::GenericXLogStart(self.index.0) };
        WalBatch { held: self, before, state, images: vec![], roots: vec![] }
    }
}

/// A change under way, in copies of the pages: one WAL record, or several if a record has too few pages. Given up unless it is
/// finished.
pub struct WalBatch<'a> {
    held: LockedNodes<'a>,
    before: Vec<(u32, Vec<u8>)>,
    state: *mut pg_sys::GenericXLogState,
    /// Copies of pages of `held`, by their position there.
    images: Vec<(usize, *mut u8)>,
    roots: Vec<Page>,
}

/// The copy of a page to be changed.
///
/// # Safety
/// `state` is that of a change that was not finished.
unsafe fn register(state: *mut pg_sys::GenericXLogState, page: &Page) -> *mut u8 {
    let new = page.bytes()[..].iter().all(|byte| *byte == 0);
    let flags = if new { pg_sys::GENERIC_XLOG_FULL_IMAGE as i32 } else { 0 };
    // SAFETY: the buffer is locked for writing; the caller vouches for the state.
    unsafe {
        let image = pg_sys::GenericXLogRegisterBuffer(state, page.buffer, flags);
        if new {
            pg_sys::PageInit(image, PAGE, page::TAIL);
            page::use_room(bytes(image.cast()), 0);
            page::mark(bytes(image.cast()), Kind::Nodes);
        }
        image.cast()
    }
}

/// # Safety
/// `image` is the copy of a page, and no other reference to it exists.
unsafe fn bytes<'b>(image: *mut u8) -> &'b mut [u8] {
    // SAFETY: the caller vouches for the copy, which has PAGE bytes.
    unsafe { std::slice::from_raw_parts_mut(image, PAGE) }
}

impl WalBatch<'_> {
    /// The bytes of a node record, to be changed.
    ///
    /// # Errors
    /// If it is not locked.
    pub fn node(&mut self, number: u32) -> Result<&mut [u8]> {
        let layout = self.held.layout;
        if layout.unit_pages() > 1 {
            let whole = self.held.whole.iter_mut().find(|(n, _)| *n == number);
            return whole.map(|(_, whole)| &mut whole[..]).ok_or_else(|| corrupted("a node is not locked"));
        }
        let place = layout.place(number)?;
        error_context::node(number, place.page);
        let at = self.held.at(place.page)?;
        let image = self.image(at);
        // The WAL leaves out the bytes behind the part in use.
        let end = place.offset + layout.node_bytes();
        if page::used_room(image) < end {
            page::use_room(image, end);
        }
        page::room_mut(image).get_mut(place.offset..end).ok_or_else(|| corrupted("it is cut off"))
    }

    fn image(&mut self, at: usize) -> &mut [u8] {
        let image = match self.images.iter().find(|(a, _)| *a == at) {
            Some((_, image)) => *image,
            None => {
                // SAFETY: the state is that of this change.
                let image = unsafe { register(self.state, &self.held.pages[at]) };
                self.images.push((at, image));
                image
            }
        };
        // SAFETY: a copy of this change alone, until it is finished, and `self` is borrowed for as long.
        unsafe { bytes(image) }
    }

    /// The room of a page that was just added, to be changed; it becomes a page of `kind` with `used` bytes in use.
    pub fn new_root(&mut self, page: Page, kind: Kind, used: usize) -> &mut [u8] {
        // SAFETY: the state is that of this change; the copy is only its own.
        let image = unsafe { bytes(register(self.state, &page)) };
        self.roots.push(page);
        page::mark(image, kind);
        page::use_room(image, used);
        page::room_mut(image)
    }

    /// The room of another page, to be changed; it stays locked until the change is finished.
    pub fn root(&mut self, page: Page) -> &mut [u8] {
        // SAFETY: the state is that of this change; the copy is only its own.
        let image = unsafe { bytes(register(self.state, &page)) };
        self.roots.push(page);
        page::room_mut(image)
    }

    /// Whether the change fits one WAL record, so that a crash leaves all of it or nothing.
    ///
    /// # Errors
    /// If node records are not locked.
    pub fn is_one_record(&self) -> Result<bool> {
        let (layout, mut pages) = (self.held.layout, self.images.len() + self.roots.len());
        if layout.unit_pages() > 1 {
            for ((number, whole), (_, before)) in self.held.whole.iter().zip(&self.before) {
                let first = layout.place(*number)?.page;
                for (page, (new, old)) in (first..).zip(whole.chunks(ROOM).zip(before.chunks(ROOM))) {
                    let is_new = page::kind(self.held.pages[self.held.at(page)?].bytes())? == Kind::New;
                    pages += usize::from(new != old || is_new);
                }
            }
        }
        Ok(pages <= MAX)
    }

    /// Carries the change out and writes its WAL record. Of node records of several pages, the pages that do not fit one WAL record
    /// are logged before; the first page, with the header, comes last.
    ///
    /// # Errors
    /// If node records are not locked.
    pub fn finish(mut self) -> Result<()> {
        if self.held.layout.unit_pages() > 1 {
            self.spread()?;
        }
        // The server clears the bytes behind the part in use of a page, where the hints lie.
        let first = self.roots.iter().position(|page| page.number() == META);
        let hints = first.map(|at| page::room(self.roots[at].bytes())[Meta::USED..Meta::BYTES].to_vec());
        let state = std::mem::replace(&mut self.state, std::ptr::null_mut());
        // SAFETY: the state is that of this change; all pages are locked.
        unsafe { pg_sys::GenericXLogFinish(state) };
        if let (Some(at), Some(hints)) = (first, hints) {
            page::room_mut(self.roots[at].bytes_mut())[Meta::USED..Meta::BYTES].copy_from_slice(&hints);
        }
        Ok(())
    }

    /// Puts the changed pieces of node records onto their pages.
    fn spread(&mut self) -> Result<()> {
        let layout = self.held.layout;
        let mut first = vec![];
        let (mut free, mut used) = (vec![], vec![]);
        for ((number, whole), (_, before)) in self.held.whole.iter().zip(&self.before) {
            let page = layout.place(*number)?.page;
            let mut rest = vec![];
            for (i, (new, old)) in whole.chunks(ROOM).zip(before.chunks(ROOM)).enumerate() {
                let at = self.held.at(page + i as u32)?;
                let is_new = page::kind(self.held.pages[at].bytes())? == Kind::New;
                if new != old || is_new {
                    (if i == 0 { &mut first } else { &mut rest }).push((at, i == 0, new.to_vec()));
                }
            }
            if before.get(Header::STATE_AT) != Some(&(State::Free as u8)) {
                used.append(&mut rest);
            } else {
                free.append(&mut rest);
            }
        }
        // The pieces of a record that was free come first: no search reads them until the record's first page says otherwise.
        let mut rest = free;
        rest.append(&mut used);
        let room = MAX - self.roots.len();
        // The last WAL record takes the first pages, and as many of the rest as it has room for.
        let early = (first.len() + rest.len()).saturating_sub(room).min(rest.len());
        let late = rest.split_off(early);
        for some in rest.chunks(MAX) {
            // SAFETY: a separate WAL record; the relation is open, the pages are locked.
            unsafe {
                let state = pg_sys::GenericXLogStart(self.held.index.0);
                for (at, _, new) in some {
                    let image = bytes(register(state, &self.held.pages[*at]));
                    page::mark(image, Kind::Piece);
                    page::use_room(image, ROOM);
                    page::room_mut(image).copy_from_slice(new);
                }
                pg_sys::GenericXLogFinish(state);
            }
        }
        for (at, is_first, new) in first.into_iter().chain(late) {
            let image = self.image(at);
            page::mark(image, if is_first { Kind::Nodes } else { Kind::Piece });
            page::use_room(image, ROOM);
            page::room_mut(image).copy_from_slice(&new);
        }
        Ok(())
    }
}

impl Drop for WalBatch<'_> {
    fn drop(&mut self) {
        if !self.state.is_null() && !std::thread::panicking() {
            // SAFETY: the state is that of this change.
            unsafe { pg_sys::GenericXLogAbort(self.state) }
        }
    }
}
