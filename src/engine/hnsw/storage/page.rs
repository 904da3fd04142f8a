//! The kinds of an index's pages.
//!
//! The mark of a page is `0xC0410000` plus its kind. A page of zeros, which a crash can leave behind, holds free node records.

pub use crate::engine::storage::page::{FRONT, TAIL, room, room_mut, use_room, used_room};
use crate::engine::storage::page::{is_zeros, marked, set_mark};
use conifer_pure::Result;
use conifer_pure::fault::Fault;
use conifer_pure::hnsw::node::corrupted_part;

const MARK: u32 = 0xC041_0000;

/// The kind of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A page of zeros: node records that are all free.
    New,
    /// The first page.
    Meta,
    /// A node page: node records, or the first piece of one.
    Nodes,
    /// A branch of the directory.
    Branch,
    /// A leaf of the directory.
    Leaf,
    /// A further piece of a node record.
    Piece,
}

/// The kind of a page, from its bytes.
///
/// # Errors
/// Bytes that no page of an index has.
#[inline]
pub fn kind(page: &[u8]) -> Result<Kind> {
    match marked(page).wrapping_sub(MARK) {
        1 => Ok(Kind::Meta),
        2 => Ok(Kind::Nodes),
        3 => Ok(Kind::Branch),
        4 => Ok(Kind::Leaf),
        5 => Ok(Kind::Piece),
        _ if is_zeros(page) => Ok(Kind::New),
        _ => Err(corrupted("a page is not of an hnsw index")),
    }
}

/// Refuses a page that is not of the kind `wanted`; a new page is taken for a node page or a piece.
///
/// # Errors
/// If it is of another kind.
#[inline]
pub fn check(page: &[u8], wanted: Kind) -> Result<()> {
    let found = kind(page)?;
    if found == wanted || (matches!(wanted, Kind::Nodes | Kind::Piece) && found == Kind::New) {
        Ok(())
    } else {
        Err(corrupted(format!("a page is {found:?}, not {wanted:?}")))
    }
}

/// Marks an initialised page.
pub fn mark(page: &mut [u8], kind: Kind) {
    set_mark(page, MARK + kind as u32);
}

#[cold]
fn corrupted(what: impl std::fmt::Display) -> Fault {
    corrupted_part("index", what)
}
