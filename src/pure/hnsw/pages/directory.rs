//! From a key to its graph: a trie over the hash of the key, after extendible hashing (Fagin, Nievergelt, Pippenger
//! and Strong, TODS 1979).
//!
//! A *branch* looks at the next ten bits of the hash, from the highest on, and has a page for each of the 1024
//! values. A *leaf* holds the keys whose hashes start with its prefix; several values of a branch lead to one leaf
//! while its prefix ends among these ten bits. A full leaf is split by the next bit; a leaf whose prefix ends with the
//! branch's bits gets a branch in between first. Leaves are never merged, pages never change their kind.
//!
//! Branch:
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 1 | `bits` | of the hash that the branches above have used up |
//! | 16 | 4 each | pages | 1024 of them |
//!
//! Leaf:
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 1 | `bits` | of the prefix |
//! | 4 | 4 | `end` | where the entries end |
//! | 8 | 8 | `prefix` | in the highest bits |
//! | 16 | | entries | one after the other |
//!
//! Entry of a leaf: size of the whole entry (2 bytes), 2 unused, the hash (8), an [`Entry`] (20), the key.

use super::graph_entry::Entry;
use super::{corrupted, long, put, word};
use crate::fault::{Fault, Result, state};
use crate::hnsw::node::ROOM;

/// Bits that a branch looks at.
const STEP: u32 = 10;
/// Pages of a branch.
const PAGES: usize = 1 << STEP;
const HEAD: usize = 16;
/// Bytes of a leaf's entry before the key.
const FRONT: usize = 12 + Entry::BYTES;
/// Maximum bits of a prefix.
const MAX_BITS: u32 = 60;

/// Bytes of a branch in use.
pub const BRANCH: usize = HEAD + 4 * PAGES;

/// A key with its graph: found, or to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    /// Hash of the key.
    pub hash: u64,
    /// The key's bytes.
    pub key: &'a [u8],
    /// Its graph.
    pub entry: Entry,
}

/// Makes a page a branch whose values all lead to `page`.
pub fn format_branch(bytes: &mut [u8], bits: u32, page: u32) {
    bytes.fill(0);
    bytes[0] = bits as u8;
    for at in 0..PAGES {
        put(bytes, HEAD + 4 * at, &page.to_le_bytes());
    }
}

/// Makes a page a leaf without entries.
pub fn format_leaf(bytes: &mut [u8], bits: u32, prefix: u64) {
    bytes.fill(0);
    bytes[0] = bits as u8;
    put(bytes, 4, &(HEAD as u32).to_le_bytes());
    put(bytes, 8, &prefix.to_le_bytes());
}

/// Bits of the hash that are used up above a branch, or bits of a leaf's prefix.
///
/// # Errors
/// More bits than there can be.
pub fn bits(bytes: &[u8]) -> Result<u32> {
    let bits = u32::from(bytes[0]);
    if bits <= MAX_BITS { Ok(bits) } else { Err(corrupted(format_args!("{bits} bits of a hash"))) }
}

fn value(bits: u32, hash: u64) -> usize {
    (hash >> (64 - STEP - bits)) as usize & (PAGES - 1)
}

/// The page that a branch has for a hash.
///
/// # Errors
/// As [`bits`].
pub fn child(branch: &[u8], hash: u64) -> Result<u32> {
    let bits = bits(branch)?;
    if bits + STEP > MAX_BITS {
        return Err(corrupted(format_args!("branch below {bits} bits")));
    }
    Ok(word(branch, HEAD + 4 * value(bits, hash)))
}

/// All pages of a branch, each once.
pub fn children(branch: &[u8]) -> Vec<u32> {
    let mut pages: Vec<u32> = (0..PAGES).map(|at| word(branch, HEAD + 4 * at)).collect();
    pages.dedup();
    pages
}

/// Lets a branch lead to `page` for all hashes with that prefix of `count` bits.
///
/// # Errors
/// As [`bits`]; a prefix that does not end among this branch's bits.
pub fn lead(branch: &mut [u8], count: u32, prefix: u64, page: u32) -> Result<()> {
    let bits = bits(branch)?;
    if !(bits..=bits + STEP).contains(&count) || bits + STEP > MAX_BITS {
        return Err(corrupted(format_args!("leaf of {count} bits at a branch of {bits}")));
    }
    let first = value(bits, prefix);
    for at in first..(first + (1 << (bits + STEP - count))).min(PAGES) {
        put(branch, HEAD + 4 * at, &page.to_le_bytes());
    }
    Ok(())
}

/// The highest `bits` bits of a hash.
pub fn prefix(hash: u64, bits: u32) -> u64 {
    if bits == 0 { 0 } else { hash & (u64::MAX << (64 - bits)) }
}

/// Whether a leaf is the one for a hash.
///
/// # Errors
/// As [`bits`].
pub fn is_for(leaf: &[u8], hash: u64) -> Result<bool> {
    Ok(prefix(hash, bits(leaf)?) == long(leaf, 8))
}

/// The prefix of a leaf.
pub fn prefix_of(leaf: &[u8]) -> u64 {
    long(leaf, 8)
}

/// Offset of the end of a leaf's entries.
///
/// # Errors
/// An offset at which entries cannot end.
pub fn end(leaf: &[u8]) -> Result<usize> {
    let end = word(leaf, 4) as usize;
    if (HEAD..=ROOM.min(leaf.len())).contains(&end) {
        Ok(end)
    } else {
        Err(corrupted(format_args!("leaf ends at {end}")))
    }
}

/// The entries of a leaf, each with its offset.
pub fn entries(leaf: &[u8]) -> impl Iterator<Item = Result<(usize, Found<'_>)>> {
    let last = end(leaf);
    let (mut at, mut failed) = (HEAD, last.as_ref().err().cloned());
    let last = last.unwrap_or(HEAD);
    std::iter::from_fn(move || {
        if let Some(fault) = failed.take() {
            at = last;
            return Some(Err(fault));
        }
        if at >= last {
            return None;
        }
        let here = at;
        let size = leaf[here..last].first_chunk().map_or(0, |size| usize::from(u16::from_le_bytes(*size)));
        if size < FRONT || here + size > last {
            at = last;
            return Some(Err(corrupted(format_args!("entry of {size} bytes at {here}"))));
        }
        at += size;
        let bytes = &leaf[here..at];
        let found = Found { hash: long(bytes, 4), key: &bytes[FRONT..], entry: Entry::read(&bytes[12..]) };
        Some(Ok((here, found)))
    })
}

/// Looks a key up in its leaf: the offset of its entry and its graph.
///
/// # Errors
/// Entries that cannot have been written.
pub fn find(leaf: &[u8], hash: u64, key: &[u8]) -> Result<Option<(usize, Entry)>> {
    for found in entries(leaf) {
        let (at, found) = found?;
        if found.hash == hash && found.key == key {
            return Ok(Some((at, found.entry)));
        }
    }
    Ok(None)
}

/// Whether a leaf has room for a key of that size.
///
/// # Errors
/// As [`end`].
pub fn has_room(leaf: &[u8], size: usize) -> Result<bool> {
    Ok(end(leaf)? + FRONT + size <= ROOM)
}

/// Adds a key that the leaf does not hold yet; false if there is no room.
///
/// # Errors
/// As [`end`].
pub fn add(leaf: &mut [u8], new: &Found<'_>) -> Result<bool> {
    let (at, size) = (end(leaf)?, FRONT + new.key.len());
    if at + size > ROOM {
        return Ok(false);
    }
    put(leaf, at, &(size as u16).to_le_bytes());
    put(leaf, at + 2, &[0; 2]);
    put(leaf, at + 4, &new.hash.to_le_bytes());
    new.entry.write(&mut leaf[at + 12..]);
    put(leaf, at + FRONT, new.key);
    put(leaf, 4, &((at + size) as u32).to_le_bytes());
    Ok(true)
}

/// Changes the graph of the key at an offset from [`find`].
pub fn set(leaf: &mut [u8], at: usize, entry: &Entry) {
    entry.write(&mut leaf[at + 12..]);
}

/// Removes the key at an offset from [`find`].
///
/// # Errors
/// As [`end`].
pub fn remove(leaf: &mut [u8], at: usize) -> Result<()> {
    let end = end(leaf)?;
    let size = leaf[at..].first_chunk().map_or(0, |size| usize::from(u16::from_le_bytes(*size)));
    if size < FRONT || at + size > end {
        return Err(corrupted(format_args!("entry of {size} bytes at {at}")));
    }
    leaf.copy_within(at + size..end, at);
    leaf[end - size..end].fill(0);
    put(leaf, 4, &((end - size) as u32).to_le_bytes());
    Ok(())
}

/// Refuses a prefix of more bits than a leaf can have.
///
/// # Errors
/// `54000` for such a prefix.
pub fn check_bits(bits: u32) -> Result<()> {
    if bits <= MAX_BITS {
        return Ok(());
    }
    Err(Fault::new(state::PROGRAM_LIMIT_EXCEEDED, "too many keys with the same hash"))
}

/// Splits a leaf by its next bit: keys with a 1 there go to the new leaf `high`. Returns the bits and prefix of `high`.
///
/// # Errors
/// `54000` if there are no more bits; entries that cannot have been written.
pub fn split(leaf: &mut [u8], high: &mut [u8]) -> Result<(u32, u64)> {
    let bits = bits(leaf)? + 1;
    check_bits(bits)?;
    let bit = 1 << (64 - bits);
    let (low, up) = (prefix_of(leaf), prefix_of(leaf) | bit);
    let old = leaf.to_vec();
    format_leaf(leaf, bits, low);
    format_leaf(high, bits, up);
    for found in entries(&old) {
        let (_, found) = found?;
        add(if found.hash & bit != 0 { &mut *high } else { &mut *leaf }, &found)?;
    }
    Ok((bits, up))
}

/// Whether a leaf with a prefix of `leaf_bits` bits, below a branch of `bits`, needs a branch in between before its split.
pub fn needs_branch(bits: u32, leaf_bits: u32) -> bool {
    leaf_bits >= bits + STEP
}
