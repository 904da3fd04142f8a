//! A page of a list of pending rows: entries one after the other, in the order of insertion.
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 6 | TID | |
//! | 6 | 2 | `count` | elements, at most 1,000; highest bit: more of the row's follow in the next entry |
//! | 8 | 4 | `key` | |
//! | 12 | 8 each | elements | dimension (4) and value (4), the dimensions ascending |
//!
//! A row of more elements has several entries, all with its TID, on pages of their own one after the other.

use super::docs;
use super::page::{Kind, Owner, corrupted, float, half, word};
use super::root::List;
use super::storage::{Pages, view};
use super::trouble::Reading;
use crate::fault::Result;
use crate::hnsw::node::Tid;

/// Maximum elements of an entry.
pub const MAX_ELEMENTS: usize = 1000;
/// Bytes of an entry before its elements.
pub const FRONT: usize = 12;
/// Bytes of an element.
pub const ELEMENT: usize = 8;
const CONTINUES: u16 = 1 << 15;

/// The front of an entry.
pub fn front(key: u32, tid: Tid, count: usize, continues: bool) -> [u8; FRONT] {
    let mut front = [0; FRONT];
    front[..Tid::BYTES].copy_from_slice(&docs::bytes(tid));
    let count = count as u16 | if continues { CONTINUES } else { 0 };
    front[Tid::BYTES..8].copy_from_slice(&count.to_le_bytes());
    front[8..].copy_from_slice(&key.to_le_bytes());
    front
}

/// An element as bytes.
pub fn element(dim: i32, value: f32) -> [u8; ELEMENT] {
    let mut bytes = [0; ELEMENT];
    bytes[..4].copy_from_slice(&dim.to_le_bytes());
    bytes[4..].copy_from_slice(&value.to_le_bytes());
    bytes
}

/// An entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The row's key.
    pub key: u32,
    /// The row.
    pub tid: Tid,
    /// Whether the row's next elements follow in the next entry.
    pub continues: bool,
    elements: &'a [[u8; ELEMENT]],
}

impl<'a> Entry<'a> {
    /// Dimensions and values, as they are stored.
    #[inline]
    pub fn elements(&self) -> impl ExactSizeIterator<Item = (u32, f32)> + use<'a> {
        self.elements.iter().map(|bytes| (word(bytes, 0), float(bytes, 4)))
    }

    /// Refuses elements that are no vector's.
    ///
    /// # Errors
    /// Dimensions that do not ascend from `before`, values that are not finite. Returns the last dimension.
    pub fn check(&self, mut before: Option<u32>) -> Result<Option<u32>> {
        for (dim, value) in self.elements() {
            if before.is_some_and(|before| before >= dim) || !value.is_finite() {
                return Err(corrupted(format_args!("pending row with {value} in dimension {dim}")));
            }
            before = Some(dim);
        }
        Ok(before)
    }
}

/// Calls `each` with the entries of a page's content.
///
/// # Errors
/// Entries that cannot have been written; those of `each`.
pub fn entries<'a>(content: &'a [u8], mut each: impl FnMut(Entry<'a>) -> Result<()>) -> Result<()> {
    let mut rest = content;
    while !rest.is_empty() {
        let cut = || corrupted("a pending row is cut off");
        let (front, after) = rest.split_at_checked(FRONT).ok_or_else(cut)?;
        let count = half(front, Tid::BYTES);
        let (count, continues) = (usize::from(count & !CONTINUES), count & CONTINUES != 0);
        let (elements, after) = after.split_at_checked(count * ELEMENT).ok_or_else(cut)?;
        let tid = docs::tid(front);
        if !tid.is_some() {
            return Err(corrupted("a pending row has no TID"));
        }
        each(Entry { key: word(front, 8), tid, continues, elements: elements.as_chunks().0 })?;
        rest = after;
    }
    Ok(())
}

/// A step along a list.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// An entry of the list.
    Entry(Entry<'a>),
    /// The end of a page, which is the first number; the second is the next page, or 0.
    End(u32, u32),
}

/// Calls `each` with the entries of a list and the ends of its pages. The walk ends where `each` answers an end with
/// false.
///
/// # Errors
/// As `page::open`; entries that cannot have been written; those of `each`.
pub fn walk(
    pages: &mut impl Pages,
    list: &List,
    root: u32,
    mut each: impl FnMut(Step<'_>) -> Result<bool>,
) -> Reading<()> {
    let owner = Owner { root, number: list.number };
    let (mut page, mut left) = (list.head, pages.count()?);
    while page != 0 {
        pages.check_interrupts()?;
        if left == 0 {
            return Err(corrupted("the pages of pending rows are a circle").into());
        }
        left -= 1;
        let next = view(pages, page, owner, Kind::Pending, |view| {
            entries(view.content, |entry| each(Step::Entry(entry)).map(drop))?;
            Ok(view.next)
        })?;
        if !each(Step::End(page, next))? {
            break;
        }
        page = next;
    }
    Ok(())
}
