//! Sizes and places: how much of what a block holds, and where a block is.

use super::header::HEADER;
use crate::distance::metric::Metric;
use crate::fault::{Fault, Result, state};
use crate::hnsw::rabitq::{BATCH, Form, Shape, Target};
use crate::hnsw::rotation::Rotation;
use crate::hnsw::uncoded::Uncoded;

/// Bytes of a page.
pub const PAGE: usize = 8192;
/// Bytes of a page that hold blocks: not Postgres' header of 24 and the 8 at the end.
pub const ROOM: usize = PAGE - 24 - 8;
/// Most dimensions of a vector.
pub const MAX_DIMS: usize = 16_000;
/// Numbers of blocks are below this.
pub const MAX_NODES: u32 = 1 << 31;
/// Bytes of a lane beside the code: number and two factors.
pub const EDGE_BYTES: usize = 12;

/// Most lanes, by the counts of a byte.
const MAX_SLOTS: usize = 224;
/// Most words of a plain value.
const MAX_WORDS: usize = MAX_DIMS;
/// Dimensions that are coded at least, unless there are fewer.
const CODED: usize = 384;
/// Blocks start at multiples of this.
const ALIGN: usize = 8;
const _: () = assert!(ROOM.is_multiple_of(ALIGN) && HEADER.is_multiple_of(ALIGN));
const _: () = assert!(MAX_SLOTS <= u8::MAX as usize && MAX_SLOTS.is_multiple_of(BATCH));

/// How the own vector is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredForm {
    /// 4 bytes an element.
    F32,
    /// 2 bytes an element, and a power of two for all.
    F16,
    /// Words of a [plain](crate::hnsw::uncoded) value.
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

/// What of a layout can be chosen. What is not is derived from the dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Lanes of a block: a multiple of 32, at most 224.
    pub slots: usize,
    /// Bits of a coded coordinate: 1, 2, 4 or 8.
    pub bits: Option<usize>,
    /// Coded coordinates: a multiple of 16, at most the padded dimensions.
    pub coded: Option<usize>,
    /// The form of the own vector.
    pub stored: Option<StoredForm>,
}

impl Default for Options {
    fn default() -> Self {
        Self { slots: BATCH, bits: None, coded: None, stored: None }
    }
}

/// Where a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The page, or the first of several.
    pub page: u32,
    /// Where in the [`ROOM`] of the page it starts.
    pub offset: usize,
}

/// What lanes hold beside numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Codes of that shape.
    Codes(Shape),
    /// Distances: the vector of a block is a plain value.
    Distances(Uncoded),
}

/// The layout of the blocks of an index.
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
    /// Bits: 4 below 64 dimensions, 2 below 128, else 1. Own vectors: f32 up to 16 dimensions, else f16. Coded
    /// are at least 384 dimensions; as many blocks go on a page as fit with that (or a block on as few pages),
    /// and then as many dimensions are coded as there is room for.
    ///
    /// # Errors
    /// Dimensions outside of 1 to 16,000, or options that are not what [`Options`] says.
    pub fn choose(dim: usize, metric: Metric, options: Options) -> Result<Self> {
        if !(1..=MAX_DIMS).contains(&dim) {
            return Err(refused(format!("cannot lay out vectors of {dim} dimensions")));
        }
        if !matches!(metric, Metric::L2 | Metric::InnerProduct | Metric::Cosine) {
            return Err(refused(format!("there are no codes for {metric:?}")));
        }
        let slots = options.slots;
        if !slots.is_multiple_of(BATCH) || !(BATCH..=MAX_SLOTS).contains(&slots) {
            return Err(refused(format!("cannot lay out {slots} lanes")));
        }
        let padded = Rotation::padded_for(dim);
        let stored = options.stored.unwrap_or(if padded <= 16 { StoredForm::F32 } else { StoredForm::F16 });
        if stored == StoredForm::Uncoded {
            return Err(refused("a plain layout has no codes"));
        }
        let bits = options.bits.unwrap_or(match dim {
            ..64 => 4,
            64..128 => 2,
            _ => 1,
        });
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

    /// The layout for plain values: without codes, and as many lanes as wanted, up to 224. `words` is how many a block
    /// has room for; it is heeded where that differs from value to value, and becomes as many as cost no more pages.
    ///
    /// # Errors
    /// Lanes or words that no block can have.
    pub fn uncoded_for(uncoded: Uncoded, slots: usize, words: usize) -> Result<Self> {
        if !(1..=MAX_SLOTS).contains(&slots) {
            return Err(refused(format!("cannot lay out {slots} lanes")));
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

    /// Options that choose this very layout; of a plain one, `coded` are its words, for
    /// [`plain_for`](Self::plain_for).
    pub fn options(&self) -> Options {
        Options {
            slots: self.slots,
            bits: Some(self.shape().map_or(0, Shape::bits)),
            coded: Some(self.shape().map_or(self.padded, Shape::dims)),
            stored: Some(self.stored),
        }
    }

    /// What values are and how they are compared, if blocks hold them as they are.
    #[inline]
    pub fn uncoded(&self) -> Option<&Uncoded> {
        match &self.content {
            Content::Distances(uncoded) => Some(uncoded),
            Content::Codes(_) => None,
        }
    }

    /// How vectors are compared.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Dimensions of the vectors.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Dimensions after the rotation; words of a plain value.
    pub fn padded(&self) -> usize {
        self.padded
    }

    /// The form of the own vectors.
    pub fn stored(&self) -> StoredForm {
        self.stored
    }

    /// Bits and dimensions of the codes; none if there are none.
    pub fn shape(&self) -> Option<Shape> {
        match self.content {
            Content::Codes(shape) => Some(shape),
            Content::Distances(_) => None,
        }
    }

    /// What lanes hold beside numbers.
    #[inline]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What the factors of the codes are for.
    pub fn target(&self) -> Target {
        match self.metric {
            Metric::InnerProduct => Target::InnerProduct,
            _ => Target::L2,
        }
    }

    /// Lanes of a block; with codes, a multiple of 32.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Bytes of a block.
    #[inline]
    pub fn node_bytes(&self) -> usize {
        self.record
    }

    /// Bytes of the own vector.
    #[inline]
    pub fn stored_bytes(&self) -> usize {
        self.padded * self.stored.bytes()
    }

    /// Bytes from one lane to the next.
    #[inline]
    pub fn stride(&self) -> usize {
        EDGE_BYTES + self.code_bytes()
    }

    /// Bytes of a lane's code.
    #[inline]
    pub fn code_bytes(&self) -> usize {
        self.shape().map_or(0, Shape::code_bytes)
    }

    /// Where the codes of 32 lanes lie among them.
    #[inline]
    pub fn form(&self) -> Form {
        Form::Rows { stride: self.stride() }
    }

    /// Where the lanes start.
    #[inline]
    pub(super) fn edges_at(&self) -> usize {
        HEADER + self.stored_bytes()
    }

    /// Blocks of a page: 1 if a block takes several pages, too.
    pub fn per_page(&self) -> usize {
        self.per_page
    }

    /// Pages of a unit: 1, or those of a block that does not fit one.
    pub fn unit_pages(&self) -> usize {
        self.unit_pages
    }

    /// The number after `number`, of blocks that lie one after the other.
    pub fn step(&self) -> u32 {
        self.unit_pages as u32
    }

    /// The number of the first block that starts on a page.
    pub fn first_on(&self, page: u32) -> u32 {
        page * self.per_page as u32
    }

    /// The bound of all numbers when there are so many pages.
    pub fn bound(&self, pages: u32) -> u32 {
        (u64::from(pages) * self.per_page as u64).min(u64::from(MAX_NODES)) as u32
    }

    /// Where a block is.
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

    /// The bytes of a block in the unit it is on, given the [`ROOM`]s of all its pages in one piece.
    pub fn position(&self, position: usize) -> std::ops::Range<usize> {
        position * self.record..(position + 1) * self.record
    }
}
