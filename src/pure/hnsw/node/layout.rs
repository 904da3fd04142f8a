//! Sizes and places: the parts of a node record, and its place in the index.

use super::header::HEADER;
use crate::distance::metric::Metric;
use crate::fault::{Fault, Result, state};
use crate::hnsw::rabitq::{BATCH, Form, Shape, Target};
use crate::hnsw::rotation::Rotation;
use crate::hnsw::uncoded::Uncoded;

/// Bytes of a page.
pub const PAGE: usize = 8192;
/// Bytes of a page that hold node records: all but Postgres' header of 24 and the 8 at the end.
pub const ROOM: usize = PAGE - 24 - 8;
/// Maximum dimensions of a vector.
pub const MAX_DIMS: usize = 16_000;
/// Upper bound of the numbers of node records, exclusive.
pub const MAX_NODES: u32 = 1 << 31;
/// Bytes of an edge slot beside the code: number and two factors.
pub const EDGE_BYTES: usize = 12;

/// Maximum edge slots of a node record: the counts are bytes.
const MAX_SLOTS: usize = 224;
/// Maximum words of an uncoded value.
const MAX_WORDS: usize = MAX_DIMS;
/// Minimum of coded dimensions, unless vectors have fewer.
const CODED: usize = 384;
/// Node records start at multiples of this.
const ALIGN: usize = 8;
const _: () = assert!(ROOM.is_multiple_of(ALIGN) && HEADER.is_multiple_of(ALIGN));
const _: () = assert!(MAX_SLOTS <= u8::MAX as usize && MAX_SLOTS.is_multiple_of(BATCH));

/// The form of the stored vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredForm {
    /// 4 bytes an element.
    F32,
    /// 2 bytes an element, and one power of two that scales all.
    F16,
    /// Words of an [uncoded](crate::hnsw::uncoded) value.
    Uncoded,
}

impl StoredForm {
    /// Bytes of an element.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::Uncoded => 4,
            Self::F16 => 2,
        }
    }
}

/// The choices of a layout. A choice left out is derived from the dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Edge slots of a node record: a multiple of 32, at most 224.
    pub slots: usize,
    /// Bits of a coded coordinate: 1, 2, 4 or 8.
    pub bits: Option<usize>,
    /// Coded coordinates: a multiple of 16, at most the padded dimensions.
    pub coded: Option<usize>,
    /// The form of the stored vector.
    pub stored: Option<StoredForm>,
}

impl Default for Options {
    fn default() -> Self {
        Self { slots: BATCH, bits: None, coded: None, stored: None }
    }
}

/// The place of a node record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The page, or the first of several.
    pub page: u32,
    /// The offset of the node record in the [`ROOM`] of the page, in bytes.
    pub offset: usize,
}

/// The content of edge slots beside numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Codes of that shape.
    Codes(Shape),
    /// Distances: the stored vector is an uncoded value.
    Distances(Uncoded),
}

/// The layout of the node records of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    metric: Metric,
    dim: usize,
    padded: usize,
    stored: StoredForm,
    content: Content,
    slots: usize,
    record: usize,
    per_page: usize,
    unit_pages: usize,
}

fn refused(what: impl Into<String>) -> Fault {
    Fault::new(state::INVALID_PARAMETER_VALUE, what)
}

impl Layout {
    /// The layout with codes for vectors of `dim` dimensions.
    ///
    /// Bits: 4 below 64 dimensions, 2 below 128, else 1. Stored vectors: f32 up to 16 dimensions, else f16. At least 384
    /// dimensions are coded; a page gets as many node records as fit with that (or a node record as few pages), and then
    /// as many dimensions are coded as there is room for.
    ///
    /// # Errors
    /// Dimensions outside of 1 to 16,000, or options other than [`Options`] allows.
    pub fn choose(dim: usize, metric: Metric, options: Options) -> Result<Self> {
        if !(1..=MAX_DIMS).contains(&dim) {
            return Err(refused(format!("cannot lay out vectors of {dim} dimensions")));
        }
        if !matches!(metric, Metric::L2 | Metric::InnerProduct | Metric::Cosine) {
            return Err(refused(format!("there are no codes for {metric:?}")));
        }
        let slots = options.slots;
        if !slots.is_multiple_of(BATCH) || !(BATCH..=MAX_SLOTS).contains(&slots) {
            return Err(refused(format!("cannot lay out {slots} edge slots")));
        }
        let padded = Rotation::padded_for(dim);
        let stored = options.stored.unwrap_or(if padded <= 16 { StoredForm::F32 } else { StoredForm::F16 });
        if stored == StoredForm::Uncoded {
            return Err(refused("an uncoded layout has no codes"));
        }
        let bits = options.bits.unwrap_or_else(|| Shape::default_bits(dim));
        let min = options.coded.unwrap_or(padded.min(CODED));
        let shape = |dims| {
            Shape::new(bits, dims)
                .filter(|shape| shape.dims() <= padded)
                .ok_or_else(|| refused(format!("cannot code {dims} dimensions of {padded} in {bits} bits")))
        };
        let before = HEADER + padded * stored.bytes();
        let size =
            |shape: Shape| (before + slots * (EDGE_BYTES + shape.code_bytes())).next_multiple_of(ALIGN);
        let smallest = size(shape(min)?);
        let per_page = (ROOM / smallest).max(1);
        let unit_pages = smallest.div_ceil(ROOM);
        let room = unit_pages * ROOM / per_page / ALIGN * ALIGN;
        let coded = match options.coded {
            Some(coded) => coded,
            None => (((room - before) / slots - EDGE_BYTES) * 8 / bits / 16 * 16).min(padded),
        };
        let shape = shape(coded)?;
        let record = size(shape);
        let content = Content::Codes(shape);
        Ok(Self { metric, dim, padded, stored, content, slots, record, per_page, unit_pages })
    }

    /// The layout for uncoded values: without codes, with `slots` edge slots, 1 to 224. Where the number of words differs
    /// from value to value, a node record has room for `words` or more, as many as cost no more pages; else `words` is not
    /// looked at.
    ///
    /// # Errors
    /// Edge slots or words that no node record can have.
    pub fn uncoded_for(uncoded: Uncoded, slots: usize, words: usize) -> Result<Self> {
        if !(1..=MAX_SLOTS).contains(&slots) {
            return Err(refused(format!("cannot lay out {slots} edge slots")));
        }
        if uncoded.words().is_none() && !(1..=MAX_WORDS).contains(&words) {
            return Err(refused(format!("cannot lay out values of {words} words")));
        }
        let beside = HEADER + slots * EDGE_BYTES;
        let size = |words: usize| (beside + 4 * words).next_multiple_of(ALIGN);
        let min = uncoded.words().unwrap_or(words);
        let per_page = (ROOM / size(min)).max(1);
        let unit_pages = size(min).div_ceil(ROOM);
        let room = unit_pages * ROOM / per_page / ALIGN * ALIGN;
        let padded = uncoded.words().unwrap_or(((room - beside) / 4).min(MAX_WORDS));
        let (metric, dim, record) = (uncoded.metric(), uncoded.dim(), size(padded));
        let (stored, content) = (StoredForm::Uncoded, Content::Distances(uncoded));
        Ok(Self { metric, dim, padded, stored, content, slots, record, per_page, unit_pages })
    }

    /// Options that choose this very layout. For uncoded values, `coded` is the number of words, for
    /// [`uncoded_for`](Self::uncoded_for).
    pub fn options(&self) -> Options {
        Options {
            slots: self.slots,
            bits: Some(self.shape().map_or(0, Shape::bits)),
            coded: Some(self.shape().map_or(self.padded, Shape::dims)),
            stored: Some(self.stored),
        }
    }

    /// The kind of the values and their distance, if node records hold uncoded values.
    #[inline]
    pub fn uncoded(&self) -> Option<&Uncoded> {
        match &self.content {
            Content::Distances(uncoded) => Some(uncoded),
            Content::Codes(_) => None,
        }
    }

    /// The metric of the vectors.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Dimensions of the vectors.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Dimensions after the rotation; words of an uncoded value.
    pub fn padded(&self) -> usize {
        self.padded
    }

    /// The form of the stored vectors.
    pub fn stored(&self) -> StoredForm {
        self.stored
    }

    /// Bits and dimensions of the codes; `None` for uncoded values.
    pub fn shape(&self) -> Option<Shape> {
        match self.content {
            Content::Codes(shape) => Some(shape),
            Content::Distances(_) => None,
        }
    }

    /// The content of edge slots beside numbers.
    #[inline]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The distance that codes and factors estimate.
    pub fn target(&self) -> Target {
        match self.metric {
            Metric::InnerProduct => Target::InnerProduct,
            _ => Target::L2,
        }
    }

    /// Edge slots of a node record; with codes, a multiple of 32.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Bytes of a node record.
    #[inline]
    pub fn node_bytes(&self) -> usize {
        self.record
    }

    /// Bytes of the stored vector.
    #[inline]
    pub fn stored_bytes(&self) -> usize {
        self.padded * self.stored.bytes()
    }

    /// Bytes from one edge slot to the next.
    #[inline]
    pub fn stride(&self) -> usize {
        EDGE_BYTES + self.code_bytes()
    }

    /// Bytes of an edge's code.
    #[inline]
    pub fn code_bytes(&self) -> usize {
        self.shape().map_or(0, Shape::code_bytes)
    }

    /// Where the codes of a batch of 32 edge slots lie among the edge slots.
    #[inline]
    pub fn form(&self) -> Form {
        Form::Rows { stride: self.stride() }
    }

    /// Offset of the first edge slot in the node record.
    #[inline]
    pub(super) fn edges_at(&self) -> usize {
        HEADER + self.stored_bytes()
    }

    /// Node records of a page; also 1 if a node record takes several pages.
    pub fn per_page(&self) -> usize {
        self.per_page
    }

    /// Pages of a unit: 1, or the pages of a node record that does not fit one.
    pub fn unit_pages(&self) -> usize {
        self.unit_pages
    }

    /// The difference between the numbers of two node records that lie one after the other.
    pub fn step(&self) -> u32 {
        self.unit_pages as u32
    }

    /// The number of the first node record that starts on a page.
    pub fn first_on(&self, page: u32) -> u32 {
        page * self.per_page as u32
    }

    /// The upper bound of all numbers in an index of `pages` pages, exclusive.
    pub fn bound(&self, pages: u32) -> u32 {
        (u64::from(pages) * self.per_page as u64).min(u64::from(MAX_NODES)) as u32
    }

    /// The place of a node record.
    ///
    /// # Errors
    /// [`MAX_NODES`] or more.
    #[inline]
    pub fn place(&self, number: u32) -> Result<Place> {
        if number >= MAX_NODES {
            return Err(super::corrupted(format_args!("number {number} lies on no page")));
        }
        let (page, position) = (number / self.per_page as u32, number as usize % self.per_page);
        Ok(Place { page, offset: position * self.record })
    }

    /// Where the node record at a position of a unit lies in the unit's bytes: the [`ROOM`]s of all its pages in one piece.
    pub fn range_at(&self, position: usize) -> std::ops::Range<usize> {
        position * self.record..(position + 1) * self.record
    }
}
