//! Where the graph of a key starts: on the first page if there is no key, else in the directory.
#![allow(unsafe_code)]

use super::buffer::{Index, Mode, Page};
use super::known::{Known, META};
use super::page::{self, Kind};
use crate::raise::{OrRaise, raise};
use conifer_pure::block::corrupted;
use conifer_pure::index::{Entry, Key, Meta, directory};
use pgrx::pg_sys;

unsafe extern "C-unwind" {
    fn hash_bytes_extended(bytes: *const u8, len: i32, seed: u64) -> u64;
}

/// The hash that the directory sorts keys by.
pub fn hash(key: &[u8], salt: u64) -> u64 {
    // SAFETY: reads that many bytes. A key has at most MOST_KEY.
    unsafe { hash_bytes_extended(key.as_ptr(), key.len() as i32, salt) }
}

/// Most branches above a leaf.
const DEEPEST: usize = 8;

/// The graph of a key; none if there are no rows of it.
pub fn find(index: Index, known: &Known, key: &Key) -> Option<Entry> {
    if known.meta.directory == 0 {
        let first = index.page(META, Mode::Share);
        page::check(first.bytes(), Kind::Meta).or_raise();
        let entry = Meta::entry(page::room(first.bytes()));
        return entry.root.map(|_| entry);
    }
    let hash = hash(key.bytes(), known.meta.salt);
    let (_, leaf) = leaf(index, known, hash, Mode::Share);
    let found = directory::find(page::room(leaf.bytes()), hash, key.bytes()).or_raise();
    found.map(|(_, entry)| entry)
}

/// The leaf for a hash, locked, and the branch above it.
pub fn leaf(index: Index, known: &Known, hash: u64, mode: Mode) -> (u32, Page) {
    let mut parent = known.meta.directory;
    for _ in 0..DEEPEST {
        let branch = index.page(parent, Mode::Share);
        page::check(branch.bytes(), Kind::Branch).or_raise();
        let child = directory::child(page::room(branch.bytes()), hash).or_raise();
        drop(branch);
        let next = index.page(child, mode);
        match page::kind(next.bytes()).or_raise() {
            Kind::Branch => parent = child,
            Kind::Leaf if directory::is_for(page::room(next.bytes()), hash).or_raise() => {
                return (parent, next);
            }
            // It was divided between the two locks: look at the branch again.
            Kind::Leaf => {}
            other => raise(corrupted(format_args!("page {child} of the directory is {other:?}"))),
        }
    }
    raise(corrupted("the directory has no leaf for a key"))
}

/// The process' number, to spread inserts by.
pub fn spread() -> usize {
    // SAFETY: a variable of this process.
    unsafe { pg_sys::MyProcPid as usize }
}
