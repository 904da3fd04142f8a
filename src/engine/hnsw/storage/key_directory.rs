//! Where the graph of a key starts: on the first page if there is no key, else in the directory.
#![allow(unsafe_code)]

use super::meta_cache::{META, MetaCache};
use super::page::{self, Kind};
use super::wal::LockedNodes;
use crate::engine::storage::buffer::{Index, Mode, Page};
use crate::pg::error::{OrRaise, raise};
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::node::{ROOM, corrupted};
use conifer_pure::hnsw::pages::{Entry, Key, MAX_KEY, Meta, directory};
use conifer_pure::memory::allocation;
use conifer_pure::memory::allocation::{Reserve, push};
use pgrx::pg_sys;
use std::collections::HashSet;

unsafe extern "C-unwind" {
    fn hash_bytes_extended(bytes: *const u8, len: i32, seed: u64) -> u64;
}

/// The hash that the directory sorts keys by.
pub fn hash(key: &[u8], salt: u64) -> u64 {
    // SAFETY: reads that many bytes. A key has at most MAX_KEY.
    unsafe { hash_bytes_extended(key.as_ptr(), key.len() as i32, salt) }
}

/// Maximum number of branches above a leaf.
const DEEPEST: usize = 8;
/// Times that a branch is read again because its leaf was divided since; then the branch is corrupted.
const ATTEMPTS: usize = 1000;

/// The graph of a key; none if no row has the key.
pub fn find(index: Index, known: &MetaCache, key: &Key) -> Option<Entry> {
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
pub fn leaf(index: Index, known: &MetaCache, hash: u64, mode: Mode) -> (u32, Page) {
    let (mut parent, mut depth) = (known.meta.directory, 0);
    for _ in 0..ATTEMPTS {
        let branch = index.page(there(index, parent).or_raise(), Mode::Share);
        page::check(branch.bytes(), Kind::Branch).or_raise();
        let child = directory::child(page::room(branch.bytes()), hash).or_raise();
        drop(branch);
        let next = index.page(there(index, child).or_raise(), mode);
        match page::kind(next.bytes()).or_raise() {
            Kind::Branch if depth < DEEPEST => (parent, depth) = (child, depth + 1),
            Kind::Branch => break,
            Kind::Leaf if directory::is_for(page::room(next.bytes()), hash).or_raise() => {
                return (parent, next);
            }
            // The leaf was divided between the two locks: read the branch again.
            Kind::Leaf => {}
            other => raise(corrupted(format_args!("page {child} of the directory is {other:?}"))),
        }
    }
    raise(corrupted("the directory has no leaf for a key"))
}

/// Refuses a number beyond the end of the index; the server's error would be about its files.
fn there(index: Index, number: u32) -> Result<u32> {
    if number < index.pages() {
        return Ok(number);
    }
    Err(corrupted(format_args!("the directory leads to page {number}")))
}

/// The place of an entry: the first page, or an offset on a leaf.
pub type At = Option<usize>;

/// The graph of a key, with its page locked for writing.
///
/// # Errors
/// Corrupted pages.
pub fn locked(index: Index, known: &MetaCache, key: &Key) -> Result<Option<(Page, At, Entry)>> {
    if known.meta.directory == 0 {
        let first = index.page(META, Mode::Exclusive);
        page::check(first.bytes(), Kind::Meta)?;
        let entry = Meta::entry(page::room(first.bytes()));
        return Ok(entry.root.map(|_| (first, None, entry)));
    }
    let hash = hash(key.bytes(), known.meta.salt);
    let (_, leaf) = leaf(index, known, hash, Mode::Exclusive);
    let found = directory::find(page::room(leaf.bytes()), hash, key.bytes())?;
    Ok(found.map(|(at, entry)| (leaf, Some(at), entry)))
}

/// Changes an entry where [`locked`] has found it.
pub fn set(room: &mut [u8], at: At, entry: &Entry) {
    match at {
        None => Meta::set_entry(room, entry),
        Some(at) => directory::set(room, at, entry),
    }
}

/// A number for a new graph, which no other graph gets.
///
/// # Errors
/// Corrupted pages.
pub fn number(index: Index, known: &MetaCache) -> Result<u32> {
    let first = index.page(META, Mode::Exclusive);
    page::check(first.bytes(), Kind::Meta)?;
    let number = Meta::graphs(page::room(first.bytes()));
    let mut change = LockedNodes::lock(index, &known.meta.layout, &[])?.change();
    Meta::set_graphs(change.root(first), number.wrapping_add(1));
    change.finish()?;
    Ok(number)
}

/// The page for the entry of a new key, locked for writing and with room, and the key's hash if the page is a leaf. None if
/// the key is there by now.
///
/// # Errors
/// Corrupted pages; `54000` if too many keys have the same hash.
pub fn place(index: Index, known: &MetaCache, key: &Key) -> Result<Option<(Page, Option<u64>)>> {
    if known.meta.directory == 0 {
        let first = index.page(META, Mode::Exclusive);
        page::check(first.bytes(), Kind::Meta)?;
        let entry = Meta::entry(page::room(first.bytes()));
        return Ok(entry.root.is_none().then_some((first, None)));
    }
    let hash = hash(key.bytes(), known.meta.salt);
    loop {
        pgrx::check_for_interrupts!();
        let (parent, leaf) = leaf(index, known, hash, Mode::Exclusive);
        let room = page::room(leaf.bytes());
        if directory::find(room, hash, key.bytes())?.is_some() {
            return Ok(None);
        }
        if directory::has_room(room, key.bytes().len())? {
            return Ok(Some((leaf, Some(hash))));
        }
        let number = leaf.number();
        drop(leaf);
        divide(index, known, parent, number)?;
    }
}

/// Divides a leaf, or puts a new branch above it.
fn divide(index: Index, known: &MetaCache, parent: u32, number: u32) -> Result<()> {
    // Added before the others are locked: no other process knows the page until the branch leads to it.
    let new = index.extend(pg_sys::ForkNumber::MAIN_FORKNUM, false);
    let branch = index.page(parent, Mode::Exclusive);
    let leaf = index.page(number, Mode::Exclusive);
    page::check(branch.bytes(), Kind::Branch)?;
    page::check(leaf.bytes(), Kind::Leaf)?;
    let (above, room) = (directory::bits(page::room(branch.bytes()))?, page::room(leaf.bytes()));
    let (bits, prefix) = (directory::bits(room)?, directory::prefix_of(room));
    let led = directory::child(page::room(branch.bytes()), prefix)? == number;
    if !led || directory::has_room(room, MAX_KEY)? {
        // Another process has divided the leaf. The new page is left over: zeros, free node records.
        return Ok(());
    }
    let other = new.number();
    let mut change = LockedNodes::lock(index, &known.meta.layout, &[])?.change();
    if directory::needs_branch(above, bits) {
        directory::format_branch(change.new_root(new, Kind::Branch, directory::BRANCH), bits, number);
        directory::lead(change.root(branch), bits, prefix, other)?;
    } else {
        let mut high = vec![0; ROOM];
        let (bits, prefix) = directory::split(change.root(leaf), &mut high)?;
        change.new_root(new, Kind::Leaf, ROOM).copy_from_slice(&high);
        directory::lead(change.root(branch), bits, prefix, other)?;
    }
    change.finish()
}

/// A key's bytes and its graph.
type Rooted = (Vec<u8>, Entry);

/// All graphs, with their keys' bytes.
///
/// # Errors
/// Corrupted pages.
pub fn all(index: Index, known: &MetaCache) -> Result<Vec<Rooted>> {
    let (all, faults) = survey(index, known, |_| Ok(()))?;
    faults.into_iter().next().map_or(Ok(all), |(_, fault)| Err(fault))
}

/// Graphs that were found, and pages with their faults.
type Survey = (Vec<Rooted>, Vec<(u32, Fault)>);

/// All graphs that can be found. Pages that `may_read` refuses are not read.
///
/// # Errors
/// `53200`.
pub fn survey(index: Index, known: &MetaCache, may_read: impl Fn(u32) -> Result<()>) -> Result<Survey> {
    let (mut all, mut faults) = (vec![], vec![]);
    if known.meta.directory == 0 {
        let look = || {
            may_read(META)?;
            let first = index.page(META, Mode::Share);
            page::check(first.bytes(), Kind::Meta)?;
            Ok(Meta::entry(page::room(first.bytes())))
        };
        match look() {
            Ok(entry) => all.extend(entry.root.map(|_| (vec![], entry))),
            Err(fault) => faults.push((META, fault)),
        }
        return Ok((all, faults));
    }
    // Divisions meanwhile may show a key twice or lead it to a page that was read already: the graph's number tells.
    let root = known.meta.directory;
    if let Err(fault) = there(index, root) {
        return Ok((all, vec![(META, fault)]));
    }
    let (mut open, mut seen) = (vec![root], HashSet::new());
    while let Some(number) = open.pop() {
        pgrx::check_for_interrupts!();
        allocation::check()?;
        seen.room_for(1)?;
        if !seen.insert(number) {
            continue;
        }
        let mut look = || {
            may_read(number)?;
            let page = index.page(number, Mode::Share);
            let room = page::room(page.bytes());
            match page::kind(page.bytes())? {
                Kind::Branch => {
                    let (good, bad): (Vec<u32>, Vec<u32>) =
                        directory::children(room).into_iter().partition(|child| there(index, *child).is_ok());
                    open.room_for(good.len())?;
                    open.extend(good);
                    // One bad child is enough of a finding.
                    if let Some(child) = bad.first() {
                        there(index, *child)?;
                    }
                }
                Kind::Leaf => {
                    for found in directory::entries(room) {
                        let (_, found) = found?;
                        push(&mut all, (found.key.to_vec(), found.entry))?;
                    }
                }
                other => return Err(corrupted(format_args!("page {number} of the directory is {other:?}"))),
            }
            Ok(())
        };
        match look() {
            Err(fault) if fault.state == state::OUT_OF_MEMORY => return Err(fault),
            looked => faults.extend(looked.err().map(|fault| (number, fault))),
        }
    }
    let mut graphs = HashSet::new();
    graphs.room_for(all.len())?;
    all.retain(|(_, entry)| entry.root.is_some_and(|root| graphs.insert(root.graph)));
    Ok((all, faults))
}

/// Removes an entry where [`locked`] has found it.
///
/// # Errors
/// Corrupted pages.
pub fn remove(room: &mut [u8], at: At) -> Result<()> {
    match at {
        None => Meta::set_entry(room, &Entry::EMPTY),
        Some(at) => directory::remove(room, at)?,
    }
    Ok(())
}
