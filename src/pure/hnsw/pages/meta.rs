//! The meta page, page 0: format, layout and options of the index.
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | magic | `0xC041FE20` |
//! | 4 | 4 | version | of the format: 2 |
//! | 8 | 4 | `dim` | dimensions of the vectors |
//! | 12 | 1 | `metric` | 0 Euclidean, 1 inner product, 2 cosine, 3 taxicab, 4 Hamming, 5 Jaccard |
//! | 13 | 1 | `element` | of the column's type: 0 `vector`, 1 `halfvec`, 2 `bit`, 3 `sparsevec` |
//! | 14 | 1 | `stored` | elements of stored vectors: 0 f32, 1 f16; 2: words of [uncoded](crate::hnsw::uncoded) values |
//! | 15 | 1 | `bits` | of a coded coordinate; 0 without codes |
//! | 16 | 4 | `coded` | coordinates; of uncoded values, words |
//! | 20 | 2 | `slots` | edge slots of a node record |
//! | 22 | 2 | `m` | |
//! | 24 | 2 | `ef_construction` | |
//! | 26 | 2 | `columns` | leading columns of the key |
//! | 28 | 4 | `directory` | page of the directory's root, or 0: there is no key |
//! | 32 | 8 | `seed` | of the rotation |
//! | 40 | 8 | `salt` | of the hash of keys |
//! | 48 | 4 | `graphs` | the number of the next key's graph |
//! | 52 | 4 | | 0, room for a centre that is subtracted from vectors |
//! | 64 | 20 | `entry` | the graph, if there is no key |
//! | 84 | 4 | `vacuums` | grows, and wraps, before a vacuum takes TIDs out and after it has; 0 in indexes of before |
//! | 128 | 4 each | hints | pages that may have room for a node record, or 0; changed without WAL, so behind the bytes in use |
//! | 256 | 8 | `insertions` | grows with each insertion, in the machine's byte order, without WAL: says nothing on a standby or after a crash; 0 in indexes of before |
//!
//! # Versions
//!
//! | version | release | change | read by |
//! |---|---|---|---|
//! | 1 | none | | nothing: `hnsw_check` and every other access raises an error with the version, and REINDEX makes the index anew |
//! | 2 | 0.1.0 | the bytes of keys: leading columns of more types, and of any length | 0.1.0 |
//!
//! The version grows with any change of a byte's meaning, on this page, in a node record or in the directory; tests of
//! golden bytes beside each of them (`tests/golden.rs`) fail when a byte changes.

use super::graph_entry::Entry;
use super::{corrupted, long, put, word};
use crate::distance::metric::Metric;
use crate::fault::{Fault, Result, state};
use crate::hnsw::node::{Layout, Options, REINDEX, StoredForm};
use crate::hnsw::params::Params;
use crate::hnsw::rotation::Rotation;
use crate::hnsw::uncoded::{Form, Uncoded};

/// The format that this library writes, and the only one it reads.
pub const VERSION: u32 = 2;
const MAGIC: u32 = 0xC041_FE20;
/// Offset of the entry.
const ENTRY: usize = 64;
/// Offset of the number of vacuums.
const VACUUMS: usize = 84;
/// Number of hints: pages that may have room.
pub const HINTS: usize = 32;
const HINT: usize = 128;
/// Offset of the number of insertions.
const INSERTIONS: usize = HINT + 4 * HINTS;

/// The type of the indexed column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// `vector`
    F32,
    /// `halfvec`
    F16,
    /// `bit`
    Bits,
    /// `sparsevec`
    Sparse,
}

impl Element {
    /// The form of values in node records without codes.
    pub fn form(self) -> Form {
        match self {
            Self::F32 => Form::F32,
            Self::F16 => Form::F16,
            Self::Bits => Form::Bits,
            Self::Sparse => Form::Sparse,
        }
    }
}

/// The parameters of the graphs of an index with this layout and these options.
pub fn params(layout: &Layout, m: u16, ef_construction: u16) -> Params {
    match layout.uncoded() {
        None => Params::for_options(layout.metric(), m.into(), ef_construction.into()),
        Some(_) => Params::for_uncoded(m.into(), ef_construction.into()),
    }
}

/// The fields of the meta page that never change while the index exists.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Meta {
    /// Dimensions, metric, and the layout of node records.
    pub layout: Layout,
    /// The type of the column.
    pub element: Element,
    /// The index's option `m`.
    pub m: u16,
    /// The index's option `ef_construction`.
    pub ef_construction: u16,
    /// Leading columns of the key.
    pub columns: u16,
    /// Page of the directory's root, or 0.
    pub directory: u32,
    /// Seed of the rotation.
    pub seed: u64,
    /// Salt of the hash of keys.
    pub salt: u64,
}

impl Meta {
    /// Bytes in use of the page, as the WAL has it.
    pub const USED: usize = HINT;
    /// Offset of the number of insertions, which several processes add to at once. While it stays the same, no row is added to the
    /// index. It says nothing on a standby, nor after a crash.
    pub const INSERTIONS: usize = INSERTIONS;
    /// Bytes in use, with what is not in the WAL.
    pub const BYTES: usize = INSERTIONS + 8;

    /// Reads and checks a page.
    ///
    /// # Errors
    /// Another format, or bytes that cannot have been written.
    pub fn read(page: &[u8]) -> Result<Self> {
        if page.len() < Self::BYTES || word(page, 0) != MAGIC {
            return Err(corrupted("it is not the first page of an hnsw index"));
        }
        let version = word(page, 4);
        if version != VERSION {
            let message = format!("index has format {version}, this library reads {VERSION}");
            return Err(Fault::new(state::FEATURE_NOT_SUPPORTED, message).hint(REINDEX));
        }
        let bad = |what: &str, value: u32| corrupted(format_args!("{what} {value}"));
        let metric = match page[12] {
            0 => Metric::L2,
            1 => Metric::InnerProduct,
            2 => Metric::Cosine,
            3 => Metric::L1,
            4 => Metric::Hamming,
            5 => Metric::Jaccard,
            other => return Err(bad("metric", other.into())),
        };
        let element = match page[13] {
            0 => Element::F32,
            1 => Element::F16,
            2 => Element::Bits,
            3 => Element::Sparse,
            other => return Err(bad("element", other.into())),
        };
        let stored = match page[14] {
            0 => StoredForm::F32,
            1 => StoredForm::F16,
            2 => StoredForm::Uncoded,
            other => return Err(bad("stored form", other.into())),
        };
        let half = |at| word(page, at) as u16;
        let options = Options {
            slots: usize::from(half(20)),
            bits: Some(page[15].into()),
            coded: Some(word(page, 16) as usize),
            stored: Some(stored),
        };
        let dim = word(page, 8) as usize;
        let layout = if stored == StoredForm::Uncoded {
            let uncoded =
                Uncoded::new(element.form(), metric, dim).ok_or_else(|| corrupted("no such values"))?;
            Layout::uncoded_for(uncoded, options.slots, word(page, 16) as usize)
        } else {
            Layout::choose(dim, metric, options)
        };
        let layout = layout.map_err(|fault| corrupted(fault.message))?;
        let (m, ef_construction) = (half(22), half(24));
        if !(2..=100).contains(&m) || !(4..=1000).contains(&ef_construction) {
            return Err(corrupted(format_args!("m {m}, ef_construction {ef_construction}")));
        }
        Ok(Self {
            layout,
            element,
            m,
            ef_construction,
            columns: half(26),
            directory: word(page, 28),
            seed: long(page, 32),
            salt: long(page, 40),
        })
    }

    /// Makes a page the meta page of an index without graphs.
    ///
    /// # Panics
    /// If the page is too short.
    pub fn write(&self, page: &mut [u8]) {
        page.fill(0);
        let options = self.layout.options();
        let metric = match self.layout.metric() {
            Metric::L2 => 0,
            Metric::InnerProduct => 1,
            Metric::Cosine => 2,
            Metric::L1 => 3,
            Metric::Hamming => 4,
            Metric::Jaccard => 5,
        };
        let element = match self.element {
            Element::F32 => 0,
            Element::F16 => 1,
            Element::Bits => 2,
            Element::Sparse => 3,
        };
        let stored = match self.layout.stored() {
            StoredForm::F32 => 0,
            StoredForm::F16 => 1,
            StoredForm::Uncoded => 2,
        };
        let words = [
            (0, MAGIC),
            (4, VERSION),
            (8, self.layout.dim() as u32),
            (16, options.coded.unwrap_or(0) as u32),
            (28, self.directory),
            (48, 1),
        ];
        words.iter().for_each(|(at, word)| put(page, *at, &word.to_le_bytes()));
        put(page, 12, &[metric, element, stored, options.bits.unwrap_or(0) as u8]);
        let halves =
            [(20, options.slots as u16), (22, self.m), (24, self.ef_construction), (26, self.columns)];
        halves.iter().for_each(|(at, half)| put(page, *at, &half.to_le_bytes()));
        put(page, 32, &self.seed.to_le_bytes());
        put(page, 40, &self.salt.to_le_bytes());
        Self::set_entry(page, &Entry::EMPTY);
    }

    /// The parameters of the index's graphs.
    pub fn params(&self) -> Params {
        params(&self.layout, self.m, self.ef_construction)
    }

    /// The rotation of the index's vectors. Uncoded values are not rotated.
    pub fn rotation(&self) -> Rotation {
        Rotation::new(self.layout.uncoded().map_or(self.layout.dim(), |_| 1), self.seed)
    }

    /// The graph of an index without a key.
    pub fn entry(page: &[u8]) -> Entry {
        Entry::read(&page[ENTRY..])
    }

    /// Sets the graph of an index without a key.
    pub fn set_entry(page: &mut [u8], entry: &Entry) {
        entry.write(&mut page[ENTRY..]);
    }

    /// The number for the next key's graph.
    pub fn graphs(page: &[u8]) -> u32 {
        word(page, 48)
    }

    /// Sets the number for the next key's graph.
    pub fn set_graphs(page: &mut [u8], next: u32) {
        put(page, 48, &next.to_le_bytes());
    }

    /// A number that grows, and wraps, before a vacuum takes TIDs out of the index and after it has. While it stays the same, a row
    /// that a snapshot sees stays the row of its TID, and a node with that TID the same node.
    pub fn vacuums(page: &[u8]) -> u32 {
        word(page, VACUUMS)
    }

    /// Lets the number of [`vacuums`](Self::vacuums) grow.
    pub fn count_vacuum(page: &mut [u8]) {
        put(page, VACUUMS, &Self::vacuums(page).wrapping_add(1).to_le_bytes());
    }

    /// Hint `which` modulo [`HINTS`]: a page that may have room, or 0.
    pub fn hint(page: &[u8], which: usize) -> u32 {
        word(page, HINT + 4 * (which % HINTS))
    }

    /// Sets hint `which` modulo [`HINTS`].
    pub fn set_hint(page: &mut [u8], which: usize, hint: u32) {
        put(page, HINT + 4 * (which % HINTS), &hint.to_le_bytes());
    }
}
