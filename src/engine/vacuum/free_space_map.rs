//! The free space map: pages with room, for insertions to find.
//!
//! The server adds pages to the map when they are first needed, and raises an error where the disk has no room for them. A
//! vacuum on a full disk would fail for that, again and again, though a vacuum is what gives room back. An error within the
//! server's code cannot be passed over without ending a subtransaction, which a parallel vacuum may not have. So this file makes
//! the map as long as it must be beforehand, by a write that returns its failure; pages beyond the end of the map are not
//! recorded then, and found by the next vacuum.
//!
//! The server reads a page of zeros as an empty page of the map, writes no WAL of the map, and asks the kernel again how
//! long the map is whenever it looks for a page that it does not know.
#![allow(unsafe_code)]

use crate::engine::storage::buffer::Index;
use conifer_pure::hnsw::node::PAGE;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

/// Pages that a leaf of the map has room for: the server's `LeafNodesPerPage`.
const LEAF: u32 = PAGE as u32 - 24 - 4 - (PAGE as u32 / 2 - 1);
const _: () = assert!(LEAF == 4069);
/// Pages of a file; further pages are in another file.
const SEGMENT: u32 = 131_072;

/// Enters pages into the free space map, as far as the disk has room for that.
///
/// The greatest of the pages is `last`.
pub fn record(index: Index, last: Option<u32>, free: impl Iterator<Item = u32>) {
    let Some(last) = last else { return };
    let wanted = leaf(last) + 1;
    // For an index of terabytes, the server extends the map by itself.
    let there = if wanted > SEGMENT { wanted } else { reach(index, wanted) };
    for page in free.filter(|page| leaf(*page) < there) {
        // SAFETY: the relation is open.
        unsafe { pg_sys::RecordFreeIndexPage(index.0, page) }
    }
}

/// The page of the map that a page is entered on: the leaves lie behind their branches, of which there are two levels.
fn leaf(page: u32) -> u32 {
    let leaf = page / LEAF;
    leaf + leaf / LEAF + leaf / LEAF / LEAF + 2
}

/// Makes the map `wanted` pages long, if it is shorter. Returns how many pages it has then.
fn reach(index: Index, wanted: u32) -> u32 {
    let path = path(index, pg_sys::ForkNumber::FSM_FORKNUM);
    let there = length(&path);
    if there >= wanted {
        return there;
    }
    let lock = pg_sys::ExclusiveLock as i32;
    // SAFETY: the relation is open; nothing between the two raises an error.
    unsafe { pg_sys::LockRelationForExtension(index.0, lock) };
    let failure = extend(index, &path, wanted).err();
    // SAFETY: locked above.
    unsafe { pg_sys::UnlockRelationForExtension(index.0, lock) };
    if let Some(failure) = failure {
        let name = index.name();
        pgrx::warning!("could not extend the free space map of index \"{name}\": {failure}");
    }
    length(&path)
}

fn extend(index: Index, path: &PathBuf, wanted: u32) -> io::Result<()> {
    // With the mode of the index's file, as the server makes its files.
    let mode = fs::metadata(self::path(index, pg_sys::ForkNumber::MAIN_FORKNUM))?.mode() & 0o777;
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(mode).open(path)?;
    for page in length(path)..wanted {
        let at = u64::from(page) * PAGE as u64;
        if let Err(failure) = file.write_all_at(&[0; PAGE], at) {
            // Leave no half page.
            file.set_len(at)?;
            return Err(failure);
        }
    }
    Ok(())
}

/// Whole pages of a file; none if there is no such file.
fn length(path: &PathBuf) -> u32 {
    fs::metadata(path).map_or(0, |file| (file.len() / PAGE as u64) as u32)
}

/// The path of a fork, relative to the server's working directory.
fn path(index: Index, fork: pg_sys::ForkNumber::Type) -> PathBuf {
    // SAFETY: the relation is open. The result ends with a zero; before 18, it lies in the memory of the statement.
    unsafe {
        #[cfg(feature = "pg15")]
        let (place, file) = ((*index.0).rd_node, (*index.0).rd_node.relNode);
        #[cfg(feature = "pg15")]
        let (database, space) = (place.dbNode, place.spcNode);
        #[cfg(not(feature = "pg15"))]
        let (place, file) = ((*index.0).rd_locator, (*index.0).rd_locator.relNumber);
        #[cfg(not(feature = "pg15"))]
        let (database, space) = (place.dbOid, place.spcOid);
        let path = pg_sys::GetRelationPath(database, space, file, (*index.0).rd_backend, fork);
        #[cfg(feature = "pg18")]
        let path = path.str_.as_ptr();
        PathBuf::from(CStr::from_ptr(path).to_string_lossy().into_owned())
    }
}
