//! The common parts of the engine's types: a name, a limit, and the faults that name them.

use crate::fault::{Fault, Result, state};
use crate::memory::allocation::headroom;

/// A type of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The name in SQL.
    pub name: &'static str,
    /// Maximum dimensions of a value.
    pub max_dim: usize,
}

impl Kind {
    /// Refuses a number of dimensions outside 1..=`max_dim`. Input may be negative.
    ///
    /// # Errors
    /// `22000` below 1, `54000` above `max_dim`.
    #[inline]
    pub fn check_dim(&self, dim: i64) -> Result<()> {
        if dim < 1 {
            Err(self.no_dimension())
        } else if dim > self.max_dim as i64 {
            Err(self.too_many_dimensions())
        } else {
            Ok(())
        }
    }

    /// Refuses NaN and infinities.
    ///
    /// # Errors
    /// `22000` naming the value, NaN or infinite.
    #[inline]
    pub fn check_element(&self, x: f32) -> Result<()> {
        if x.is_finite() { Ok(()) } else { Err(self.not_finite(x)) }
    }

    /// The number of dimensions in a type modifier such as the 3 of `vector(3)`.
    ///
    /// # Errors
    /// `22023` when there is not exactly one, or it is outside 1..=`max_dim`.
    pub fn check_typmod(&self, mods: &[i32]) -> Result<i32> {
        let Self { name, max_dim } = self;
        let bad = |message: String| Err(Fault::new(state::INVALID_PARAMETER_VALUE, message));
        match *mods {
            [n] if n < 1 => bad(format!("dimensions for type {name} must be at least 1")),
            [n] if n as usize > *max_dim => {
                bad(format!("dimensions for type {name} cannot exceed {max_dim}"))
            }
            [n] => Ok(n),
            _ => bad("invalid type modifier".into()),
        }
    }

    #[cold]
    pub(crate) fn no_dimension(&self) -> Fault {
        Fault::new(state::DATA_EXCEPTION, format!("{} must have at least 1 dimension", self.name))
    }

    #[cold]
    pub(crate) fn too_many_dimensions(&self) -> Fault {
        let message = format!("{} cannot have more than {} dimensions", self.name, self.max_dim);
        Fault::new(state::PROGRAM_LIMIT_EXCEEDED, message)
    }

    #[cold]
    fn not_finite(&self, x: f32) -> Fault {
        let what = if x.is_nan() { "NaN" } else { "infinite value" };
        Fault::new(state::DATA_EXCEPTION, format!("{what} not allowed in {}", self.name))
    }

    /// The fault for `text` that cannot be read as a value.
    #[cold]
    pub(crate) fn malformed(&self, text: &[u8]) -> Fault {
        // Room for this copy, the server's copy, and longer copies of texts that are no UTF-8.
        if let Err(refused) = headroom(4 * text.len()) {
            return refused;
        }
        let message = format!("invalid input syntax for type {}: \"{}\"", self.name, printable(text));
        Fault::new(state::INVALID_TEXT_REPRESENTATION, message)
    }

    /// The fault for two values of different dimensions.
    #[cold]
    pub(crate) fn different_dims(&self, a: usize, b: usize) -> Fault {
        let message = format!("different {} dimensions {a} and {b}", self.name);
        Fault::new(state::DATA_EXCEPTION, message)
    }

    /// The fault for a number, given as text, that is out of an element's range.
    #[cold]
    #[must_use]
    pub fn out_of_range(&self, number: &[u8]) -> Fault {
        let message = format!("\"{}\" is out of range for type {}", printable(number), self.name);
        Fault::new(state::NUMERIC_VALUE_OUT_OF_RANGE, message)
    }
}

/// The text with `?` for each byte that is no UTF-8 (a database may have another encoding).
fn printable(text: &[u8]) -> String {
    text.utf8_chunks().fold(String::with_capacity(text.len()), |mut s, chunk| {
        s.push_str(chunk.valid());
        s.extend(chunk.invalid().iter().map(|_| '?'));
        s
    })
}
