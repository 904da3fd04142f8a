//! Rows that have come back, and their values in binary form.

use crate::failure::{Failure, Result};
use bytes::Bytes;

/// A row: the body of a DataRow message.
#[derive(Debug, Clone)]
pub struct Row(Bytes);

/// A value of a column, or NULL.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a>(Option<&'a [u8]>);

fn malformed() -> Failure {
    Failure::internal("a row of the database is not of the expected form")
}

impl Row {
    /// A row of a message's body.
    pub fn new(body: Bytes) -> Self {
        Self(body)
    }

    /// Bytes of the row.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the row has no bytes, which none has.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The row's values, of which there have to be `N`.
    ///
    /// # Errors
    /// If there are others, or the bytes are no row.
    pub fn cells<const N: usize>(&self) -> Result<[Cell<'_>; N]> {
        let mut cells = [Cell(None); N];
        let (count, mut rest) = self.0.split_first_chunk::<2>().ok_or_else(malformed)?;
        if usize::from(u16::from_be_bytes(*count)) != N {
            return Err(malformed());
        }
        for cell in &mut cells {
            let (length, after) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
            rest = after;
            if let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) {
                let (bytes, after) = rest.split_at_checked(length).ok_or_else(malformed)?;
                *cell = Cell(Some(bytes));
                rest = after;
            }
        }
        Ok(cells)
    }
}

impl<'a> Cell<'a> {
    fn array<const N: usize>(self) -> Result<[u8; N]> {
        self.0.and_then(|bytes| bytes.try_into().ok()).ok_or_else(malformed)
    }

    /// `text`; none for NULL.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub fn text(self) -> Result<Option<&'a str>> {
        self.0.map(|bytes| str::from_utf8(bytes).map_err(|_| malformed())).transpose()
    }

    /// `text` that is not NULL.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn required_text(self) -> Result<&'a str> {
        self.text()?.ok_or_else(malformed)
    }

    /// `jsonb`, as its text.
    ///
    /// # Errors
    /// If the format is another one.
    pub fn jsonb(self) -> Result<Option<&'a str>> {
        match self.0 {
            None => Ok(None),
            Some([1, text @ ..]) => str::from_utf8(text).map(Some).map_err(|_| malformed()),
            Some(_) => Err(malformed()),
        }
    }

    /// `boolean`; NULL is false.
    pub fn bool(self) -> bool {
        self.0 == Some(&[1])
    }

    /// `integer`; none for NULL.
    ///
    /// # Errors
    /// If it is of another length.
    pub fn int(self) -> Result<Option<i32>> {
        self.0.map(|_| self.array().map(i32::from_be_bytes)).transpose()
    }

    /// `bigint`.
    ///
    /// # Errors
    /// If it is NULL or of another length.
    pub fn bigint(self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// `real`.
    ///
    /// # Errors
    /// As [`Self::bigint`].
    pub fn real(self) -> Result<f32> {
        self.array().map(f32::from_be_bytes)
    }

    /// `vector`; none for NULL.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn vector(self) -> Result<Option<VectorCell<'a>>> {
        let Some(bytes) = self.0 else { return Ok(None) };
        let (head, values) = bytes.split_first_chunk::<4>().ok_or_else(malformed)?;
        if values.len() != 4 * usize::from(u16::from_be_bytes([head[0], head[1]])) {
            return Err(malformed());
        }
        Ok(Some(VectorCell(values)))
    }

    /// `sparsevec`; none for NULL.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn sparse(self) -> Result<Option<SparseCell<'a>>> {
        let Some(bytes) = self.0 else { return Ok(None) };
        let (head, rest) = bytes.split_first_chunk::<12>().ok_or_else(malformed)?;
        let count = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if rest.len() != count.saturating_mul(8) {
            return Err(malformed());
        }
        let (indices, values) = rest.split_at(4 * count);
        Ok(Some(SparseCell { indices, values: VectorCell(values) }))
    }
}

/// A `vector` in a row.
#[derive(Debug, Clone, Copy)]
pub struct VectorCell<'a>(&'a [u8]);

impl<'a> VectorCell<'a> {
    /// Its values.
    pub fn values(self) -> impl ExactSizeIterator<Item = f32> + use<'a> {
        self.0.chunks_exact(4).map(|four| f32::from_be_bytes([four[0], four[1], four[2], four[3]]))
    }
}

/// A `sparsevec` in a row.
#[derive(Debug, Clone, Copy)]
pub struct SparseCell<'a> {
    indices: &'a [u8],
    values: VectorCell<'a>,
}

impl<'a> SparseCell<'a> {
    /// The places of its values.
    pub fn indices(self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.indices.chunks_exact(4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
    }

    /// Its values.
    pub fn values(self) -> impl ExactSizeIterator<Item = f32> + use<'a> {
        self.values.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        let row = Row::new(Bytes::from_static(
            b"\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\x08\0\x01\0\0\x3f\x80\0\0",
        ));
        let [text, null, vector] = row.cells().unwrap();
        assert_eq!(text.text().unwrap(), Some("ab"));
        assert_eq!(null.text().unwrap(), None);
        assert_eq!(vector.vector().unwrap().unwrap().values().collect::<Vec<_>>(), [1.0]);
        assert!(row.cells::<2>().is_err());
    }

    #[test]
    fn cut_off() {
        let whole = b"\0\x02\0\0\0\x02ab\0\0\0\x04\0\0\0\x07";
        for length in 0..whole.len() {
            assert!(Row::new(Bytes::copy_from_slice(&whole[..length])).cells::<2>().is_err(), "{length}");
        }
        let row = Row::new(Bytes::from_static(whole));
        let [text, number] = row.cells().unwrap();
        assert!(
            text.vector().is_err()
                && text.bigint().is_err()
                && number.sparse().is_err()
                && number.jsonb().is_err()
        );
    }
}
