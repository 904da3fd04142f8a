//! What is searched for.

use crate::fault::Result;
use crate::memory::allocation::with_room;
use crate::types::sparsevec::Sparse;

/// A query's elements that are not 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Dimensions, from 0 on, ascending.
    pub(super) dims: Vec<u32>,
    /// The values.
    pub(super) values: Vec<f32>,
}

impl Query {
    /// Copies a vector.
    ///
    /// # Errors
    /// `53200`.
    pub fn new(vector: Sparse<'_>) -> Result<Self> {
        let (mut dims, mut values) = (with_room(vector.values.len())?, with_room(vector.values.len())?);
        for (dim, value) in vector.indices.iter().zip(vector.values).filter(|(_, value)| **value != 0.0) {
            dims.push(*dim as u32);
            values.push(*value);
        }
        Ok(Self { dims, values })
    }

    /// The elements.
    pub(super) fn elements(&self) -> impl Iterator<Item = (u32, f32)> {
        self.dims.iter().copied().zip(self.values.iter().copied())
    }
}
