//! Where pages come from, and what is asked of whoever provides them.

use super::page::{self, Kind, Owner, View};
use super::trouble::Reading;
use crate::fault::Result;

/// Pages that are read.
pub trait Pages {
    /// Number of pages of the file.
    ///
    /// # Errors
    /// Those of the file.
    fn count(&mut self) -> Result<u32>;

    /// Shows the [`ROOM`](page::ROOM) of a page, which nobody changes meanwhile. `look` reads no other page.
    ///
    /// # Errors
    /// `XX002` for a page that the file does not have; those of the file.
    fn read<R>(&mut self, page: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R>;

    /// Called in long loops, while no page is locked.
    ///
    /// # Errors
    /// If the work is to be given up.
    fn check_interrupts(&mut self) -> Result<()>;
}

/// Pages that are written.
pub trait PagesMut: Pages {
    /// A page that was free, [reserved](page::format_reserved) for an owner while it was locked: nobody else gets it.
    /// No page is locked meanwhile.
    ///
    /// # Errors
    /// Those of the file.
    fn allocate(&mut self, owner: Owner) -> Result<u32>;

    /// Replaces the room of a page that this process has allocated, and that nothing leads to yet.
    ///
    /// # Errors
    /// Those of the file.
    fn write(&mut self, page: u32, room: &[u8]) -> Result<()>;

    /// Locks at most four pages for writing, in the order given, shows their rooms, and puts the changes into the WAL
    /// all at once if `change` returns true beside its result. Otherwise, and where it fails, nothing changes.
    ///
    /// # Errors
    /// Those of `change` and of the file.
    fn change<R>(
        &mut self,
        pages: &[u32],
        change: impl FnOnce(&mut [&mut [u8]]) -> Result<(R, bool)>,
    ) -> Result<R>;

    /// Locks `root` for reading; while it is locked, locks the page that `pick` finds there for writing, and changes
    /// it as [`change`](Self::change) does. `None` if `pick` finds none.
    ///
    /// # Errors
    /// Those of `pick`, of `change` and of the file.
    fn change_below<R>(
        &mut self,
        root: u32,
        pick: impl FnOnce(&[u8]) -> Result<Option<u32>>,
        change: impl FnOnce(&mut [u8]) -> Result<(R, bool)>,
    ) -> Result<Option<R>>;

    /// Notes that a page is free, as it says itself. That may be forgotten.
    ///
    /// # Errors
    /// Those of the file.
    fn record_free(&mut self, page: u32) -> Result<()>;
}

/// Reads the content of a page of an owner.
///
/// # Errors
/// As `page::open`; those of the pages and of `look`.
pub(super) fn view<R>(
    pages: &mut impl Pages,
    number: u32,
    owner: Owner,
    kind: Kind,
    look: impl FnOnce(View<'_>) -> Reading<R>,
) -> Reading<R> {
    pages.read(number, |room| look(page::open(room, number, owner, kind)?))?
}

/// A copy of a page's content, whose checksum was right.
#[derive(Debug, Default)]
pub(super) struct Copied {
    /// The page; 0 before the first is read.
    pub page: u32,
    /// Its content.
    pub content: Vec<u8>,
    /// Its level.
    pub level: u8,
    /// The next page of its chain, or 0.
    pub next: u32,
}

impl Copied {
    /// Copies a page of an owner, unless it is the one that was copied last.
    ///
    /// # Errors
    /// As `page::open_whole`; those of the pages.
    pub fn read(&mut self, pages: &mut impl Pages, number: u32, owner: Owner, kind: Kind) -> Reading<()> {
        use crate::memory::allocation::Reserve;
        if self.page == number && number != 0 {
            return Ok(());
        }
        self.page = 0;
        let content = &mut self.content;
        content.clear();
        content.room_for(page::CONTENT)?;
        (self.level, self.next) = pages.read(number, |room| {
            let view = page::open_whole(room, number, owner, kind)?;
            content.extend_from_slice(view.content);
            Reading::Ok((view.level, view.next))
        })??;
        self.page = number;
        Ok(())
    }
}

/// Makes a page anyone's, if it is still its owner's.
///
/// # Errors
/// Those of the pages.
pub(super) fn free(pages: &mut impl PagesMut, number: u32, owner: Owner) -> Result<()> {
    let freed = pages.change(&[number], |rooms| {
        let Some(room) = rooms.first_mut().filter(|room| page::owner(room) == Ok(Some(owner))) else {
            return Ok((false, false));
        };
        page::format_free(room, number)?;
        Ok((true, true))
    })?;
    if freed { pages.record_free(number) } else { Ok(()) }
}
