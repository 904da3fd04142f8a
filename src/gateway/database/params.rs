//! Parameters of a statement in binary form, as Bind has them: a length and bytes each.

use std::fmt;

/// Types of the extension, whose numbers differ from database to database: arrays of them name one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `vector`
    Vector,
    /// `sparsevec`
    SparseVec,
}

const TEXT: u32 = 25;
const JSONB: u32 = 3802;

/// Dimensions that a `sparsevec` says it has: all that the type can.
const SPARSE_DIMENSIONS: u32 = 1_000_000_000;

/// A sparse vector as requests have it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sparse {
    /// Places, ascending after [`Self::sort`].
    pub indices: Vec<u32>,
    /// Values, as many.
    pub values: Vec<f32>,
}

impl Sparse {
    /// Sorts by place, and drops zeros, which the type has none of.
    ///
    /// # Errors
    /// In words: if the lengths differ, a place comes twice, or is one that the type has not.
    pub fn sort(&mut self) -> Result<(), String> {
        if self.indices.len() != self.values.len() {
            let (indices, values) = (self.indices.len(), self.values.len());
            return Err(format!("sparse values have {indices} indices, but {values} values"));
        }
        let mut pairs: Vec<(u32, f32)> =
            self.indices.iter().copied().zip(self.values.iter().copied()).collect();
        pairs.sort_by_key(|pair| pair.0);
        if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(format!("sparse index {} comes twice", twice[0].0));
        }
        if let Some(last) = pairs.last().filter(|last| last.0 >= SPARSE_DIMENSIONS) {
            return Err(format!("sparse index {} is not below {SPARSE_DIMENSIONS}", last.0));
        }
        pairs.retain(|pair| pair.1 != 0.0);
        (self.indices, self.values) = pairs.into_iter().unzip();
        Ok(())
    }
}

/// Parameters, encoded. The numbers of the extension's types are put in when it is known which session they go to.
#[derive(Default, Clone)]
pub struct Params {
    bytes: Vec<u8>,
    count: u16,
    /// Where a number of a type is missing, and whose.
    patches: Vec<(usize, Type)>,
}

impl fmt::Debug for Params {
    // What callers send is in no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} parameters of {} bytes", self.count, self.bytes.len())
    }
}

impl Params {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn put(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.null(),
            Some(bytes) => {
                self.begin(bytes.len());
                self.bytes.extend_from_slice(bytes);
            }
        }
    }

    fn null(&mut self) {
        self.count += 1;
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    fn begin(&mut self, length: usize) {
        self.count += 1;
        self.u32(length as u32);
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// `text`, or NULL.
    pub fn text<'a>(mut self, value: impl Into<Option<&'a str>>) -> Self {
        self.put(value.into().map(str::as_bytes));
        self
    }

    /// `integer`, or NULL.
    pub fn int(mut self, value: impl Into<Option<i32>>) -> Self {
        self.put(value.into().map(i32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice));
        self
    }

    /// `boolean`.
    pub fn bool(mut self, value: bool) -> Self {
        self.put(Some(&[u8::from(value)]));
        self
    }

    /// `jsonb`, from its text, or NULL. The server parses it.
    pub fn jsonb<'a>(mut self, value: impl Into<Option<&'a str>>) -> Self {
        match value.into() {
            None => self.null(),
            Some(text) => {
                self.begin(text.len() + 1);
                self.bytes.push(1); // version of the format
                self.bytes.extend_from_slice(text.as_bytes());
            }
        }
        self
    }

    /// `vector`, or NULL.
    pub fn vector<'a>(mut self, value: impl Into<Option<&'a [f32]>>) -> Self {
        match value.into() {
            None => self.null(),
            Some(values) => {
                self.count += 1;
                self.vector_element(values);
            }
        }
        self
    }

    /// `sparsevec`, or NULL.
    pub fn sparse<'a>(mut self, value: impl Into<Option<&'a Sparse>>) -> Self {
        match value.into() {
            None => self.null(),
            Some(sparse) => {
                self.count += 1;
                self.sparse_element(sparse);
            }
        }
        self
    }

    /// `text[]`, or NULL.
    pub fn texts<'a, T: AsRef<str> + 'a>(mut self, values: impl Into<Option<&'a [T]>>) -> Self {
        match values.into() {
            None => self.null(),
            Some(values) => self.array(values, Kind::Fixed(TEXT), |params, value| {
                let text = value.as_ref().as_bytes();
                params.u32(text.len() as u32);
                params.bytes.extend_from_slice(text);
            }),
        }
        self
    }

    /// `vector[]`.
    pub fn vectors<'a, T>(mut self, values: &'a [T], of: impl Fn(&'a T) -> &'a [f32]) -> Self {
        self.array(values, Kind::OfExtension(Type::Vector), |params, value| params.vector_element(of(value)));
        self
    }

    /// `jsonb[]`, with NULL where there is none.
    pub fn jsonbs<'a, T>(mut self, values: &'a [T], of: impl Fn(&'a T) -> Option<&'a str>) -> Self {
        self.array(values, Kind::Fixed(JSONB), |params, value| match of(value) {
            None => params.u32(u32::MAX),
            Some(text) => {
                params.u32(text.len() as u32 + 1);
                params.bytes.push(1);
                params.bytes.extend_from_slice(text.as_bytes());
            }
        });
        self
    }

    /// `sparsevec[]`, with NULL where there is none; NULL as a whole if there are none at all.
    pub fn sparses<'a, T>(mut self, values: &'a [T], of: impl Fn(&'a T) -> Option<&'a Sparse>) -> Self {
        if values.iter().all(|value| of(value).is_none()) {
            self.null();
            return self;
        }
        self.array(values, Kind::OfExtension(Type::SparseVec), |params, value| match of(value) {
            None => params.u32(u32::MAX),
            Some(sparse) => params.sparse_element(sparse),
        });
        self
    }

    fn array<'a, T>(&mut self, values: &'a [T], kind: Kind, mut element: impl FnMut(&mut Self, &'a T)) {
        self.count += 1;
        let start = self.bytes.len();
        self.u32(0); // the length, when it is known
        self.u32(1); // dimensions
        self.u32(1); // there may be NULLs
        match kind {
            Kind::Fixed(oid) => self.u32(oid),
            Kind::OfExtension(of) => {
                self.patches.push((self.bytes.len(), of));
                self.u32(0);
            }
        }
        self.u32(values.len() as u32);
        self.u32(1); // the first index
        for value in values {
            element(self, value);
        }
        let length = (self.bytes.len() - start - 4) as u32;
        self.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn vector_element(&mut self, values: &[f32]) {
        // One that is too long for its type is refused by the server, which reads its true length.
        self.u32(4 + 4 * values.len() as u32);
        self.bytes.extend_from_slice(&(values.len().min(usize::from(u16::MAX)) as u16).to_be_bytes());
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    }

    fn sparse_element(&mut self, sparse: &Sparse) {
        let count = sparse.indices.len() as u32;
        self.u32(12 + 8 * count);
        self.u32(SPARSE_DIMENSIONS);
        self.u32(count);
        self.u32(0);
        for index in &sparse.indices {
            self.u32(*index);
        }
        for value in &sparse.values {
            self.u32(value.to_bits());
        }
    }

    /// How many there are.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The bytes, for a database where the types have the numbers that `oid` tells.
    pub fn bytes(&mut self, oid: impl Fn(Type) -> u32) -> &[u8] {
        for (at, of) in &self.patches {
            self.bytes[*at..at + 4].copy_from_slice(&oid(*of).to_be_bytes());
        }
        &self.bytes
    }
}

enum Kind {
    Fixed(u32),
    OfExtension(Type),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded() {
        let mut params = Params::new()
            .text("ab")
            .text(None)
            .int(7)
            .bool(true)
            .jsonb("{}")
            .vector(&[1.0][..])
            .vectors(&[vec![2.0_f32]], Vec::as_slice)
            .jsonbs(&["{}"], |_| None);
        assert_eq!(params.count(), 8);
        let expected: Vec<u8> = [
            &b"\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\x04\0\0\0\x07\0\0\0\x01\x01\0\0\0\x03\x01{}"[..],
            b"\0\0\0\x08\0\x01\0\0\x3f\x80\0\0",
            b"\0\0\0\x20\0\0\0\x01\0\0\0\x01\0\0\0\x09\0\0\0\x01\0\0\0\x01\0\0\0\x08\0\x01\0\0\x40\0\0\0",
            b"\0\0\0\x18\0\0\0\x01\0\0\0\x01\0\0\x0e\xda\0\0\0\x01\0\0\0\x01\xff\xff\xff\xff",
        ]
        .concat();
        assert_eq!(params.bytes(|_| 9), expected);
    }

    #[test]
    fn sparse() {
        let mut sparse = Sparse { indices: vec![9, 2, 5], values: vec![1.0, 0.0, 3.0] };
        sparse.sort().unwrap();
        assert_eq!(sparse, Sparse { indices: vec![5, 9], values: vec![3.0, 1.0] });
        for (indices, values) in
            [(vec![1, 1], vec![1.0, 2.0]), (vec![1], vec![]), (vec![1_000_000_000], vec![1.0])]
        {
            assert!(Sparse { indices, values }.sort().is_err());
        }
    }
}
