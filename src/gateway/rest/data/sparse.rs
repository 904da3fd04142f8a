//! Sparse vectors as requests have them.

use crate::database::params::Sparse;
use crate::failure::Result;
use crate::json;
use serde::Deserialize;
use serde_json::value::RawValue;

/// `{"indices": [1, 5], "values": [0.5, 0.1]}`
#[derive(Deserialize)]
pub struct SparseValues<'a> {
    indices: Vec<u32>,
    #[serde(borrow)]
    values: &'a RawValue,
}

impl SparseValues<'_> {
    /// The vector.
    ///
    /// # Errors
    /// 400 for values that are no numbers.
    pub fn read(self) -> Result<Sparse> {
        Ok(Sparse { indices: self.indices, values: json::floats(self.values.get(), "sparse values")? })
    }
}
