//! Objects and arrays: a header, an entry for each child, the children.
//!
//! | bytes | |
//! |---|---|
//! | 4 | number of children, or of pairs of key and value (28 bits), and whether it is an object, an array or a scalar |
//! | 4 each | an entry: length of the child, or in every 32nd where it ends (28 bits), type (3 bits), which of the two (1 bit) |
//! | | the children: of an object all keys, by length and then by bytes, then all values |
//!
//! Numbers and containers start at a multiple of 4.
//! Integers are in the order of the machine.

use super::numeric::Numeric;
use std::cmp::Ordering;

/// Bits of the header.
mod header {
    pub const COUNT: u32 = 0x0FFF_FFFF;
    pub const SCALAR: u32 = 0x1000_0000;
    pub const OBJECT: u32 = 0x2000_0000;
    pub const ARRAY: u32 = 0x4000_0000;
}

/// Bits of an entry.
mod entry {
    pub const EXTENT: u32 = 0x0FFF_FFFF;
    pub const IS_END: u32 = 0x8000_0000;
    pub const TYPE: u32 = 0x7000_0000;
    pub const STRING: u32 = 0x0000_0000;
    pub const NUMERIC: u32 = 0x1000_0000;
    pub const FALSE: u32 = 0x2000_0000;
    pub const TRUE: u32 = 0x3000_0000;
    pub const CONTAINER: u32 = 0x5000_0000;
}

/// Alignment of numbers and containers, and bytes of a header and of an entry.
const WORD: usize = 4;

/// An object or an array; a scalar at the top is an array of one.
#[derive(Debug, Clone, Copy)]
pub struct Container<'a> {
    header: [u8; WORD],
    entries: &'a [u8],
    children: &'a [u8],
}

/// A value of an object, or an element of an array.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// `null`, or what cannot be read.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Numeric<'a>),
    /// A string, in the encoding of the database.
    Text(&'a [u8]),
    /// An object or an array.
    Container(Container<'a>),
}

impl<'a> Container<'a> {
    /// Of the bytes behind a varlena header, which may be unaligned; `None` if they end before the entries do.
    #[must_use]
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<WORD>()?;
        let word = u32::from_ne_bytes(*header);
        let count = (word & header::COUNT) as usize;
        let entries = if word & header::OBJECT != 0 { 2 * count } else { count };
        let (entries, children) = rest.split_at_checked(entries * WORD)?;
        Some(Self { header: *header, entries, children })
    }

    /// The bytes that it was made of, without those behind its last child's place, as three pieces in a row.
    #[must_use]
    pub fn pieces(&self) -> [&[u8]; 3] {
        [&self.header, self.entries, self.children]
    }

    /// Pairs of an object, elements of an array.
    #[inline]
    #[must_use]
    pub fn count(&self) -> usize {
        (self.header() & header::COUNT) as usize
    }

    /// Whether this is an object.
    #[inline]
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.header() & header::OBJECT != 0
    }

    /// Whether this is an array, and no scalar.
    #[inline]
    #[must_use]
    pub fn is_array(&self) -> bool {
        self.header() & (header::ARRAY | header::SCALAR) == header::ARRAY
    }

    /// The value of a key of an object, found by bisection.
    #[must_use]
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<Item<'a>> {
        if !self.is_object() {
            return None;
        }
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low + (high - low) / 2;
            let start = self.start(middle);
            let found = self.children.get(start..self.end(middle, start))?;
            match found.len().cmp(&key.len()).then_with(|| found.cmp(key)) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => {
                    let value = self.count() + middle;
                    return Some(self.item(value, self.start(value)));
                }
            }
        }
        None
    }

    /// The keys of an object with their values, none of an array.
    #[must_use]
    pub fn fields(self) -> Fields<'a> {
        let count = if self.is_object() { self.count() } else { 0 };
        Fields { object: self, next: 0, count, key: 0, value: self.start(count) }
    }

    /// The elements of an array, none of an object.
    #[inline]
    #[must_use]
    pub fn elements(self) -> Elements<'a> {
        let count = if self.is_object() { 0 } else { self.count() };
        Elements { array: self, next: 0, count, start: 0 }
    }

    #[inline]
    fn header(&self) -> u32 {
        u32::from_ne_bytes(self.header)
    }

    #[inline]
    fn entry(&self, i: usize) -> u32 {
        self.entries[i * WORD..].first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }

    /// Where a child starts: the lengths of those before it, back to the next that tells where it ends.
    #[inline]
    fn start(&self, child: usize) -> usize {
        let mut start = 0;
        for before in (0..child).rev() {
            let entry = self.entry(before);
            start += (entry & entry::EXTENT) as usize;
            if entry & entry::IS_END != 0 {
                break;
            }
        }
        start
    }

    #[inline]
    fn end(&self, child: usize, start: usize) -> usize {
        let entry = self.entry(child);
        let extent = (entry & entry::EXTENT) as usize;
        if entry & entry::IS_END != 0 { extent } else { start + extent }
    }

    #[inline]
    fn item(&self, child: usize, start: usize) -> Item<'a> {
        let end = self.end(child, start);
        let aligned = || self.children.get(start.next_multiple_of(WORD)..end);
        let item = match self.entry(child) & entry::TYPE {
            entry::STRING => self.children.get(start..end).map(Item::Text),
            // Behind a varlena header, whose length is known already.
            entry::NUMERIC => aligned().and_then(|b| b.get(WORD..)).map(|b| Item::Number(Numeric::new(b))),
            entry::FALSE => Some(Item::Bool(false)),
            entry::TRUE => Some(Item::Bool(true)),
            entry::CONTAINER => aligned().and_then(Container::new).map(Item::Container),
            _ => None,
        };
        item.unwrap_or(Item::Null)
    }
}

/// Iterator over an object: see [`Container::fields`].
pub struct Fields<'a> {
    object: Container<'a>,
    next: usize,
    count: usize,
    /// Where the next key and the next value start.
    key: usize,
    value: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], Item<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.count {
            return None;
        }
        let (key, value) = (self.next, self.next + self.count);
        let key_end = self.object.end(key, self.key);
        let name = self.object.children.get(self.key..key_end)?;
        let item = self.object.item(value, self.value);
        self.key = key_end;
        self.value = self.object.end(value, self.value);
        self.next += 1;
        Some((name, item))
    }
}

/// Iterator over an array: see [`Container::elements`].
pub struct Elements<'a> {
    array: Container<'a>,
    next: usize,
    count: usize,
    start: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        if self.next == self.count {
            return None;
        }
        let item = self.array.item(self.next, self.start);
        self.start = self.array.end(self.next, self.start);
        self.next += 1;
        Some(item)
    }
}
