//! The list of `$in` and `$nin`, in order, so that a value is found by bisection.

use super::metadata::Scalar;
use crate::fault::Result;
use crate::memory::allocation::{Reserve, push};

/// Strings, numbers and booleans.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// All strings, one behind the other.
    bytes: Vec<u8>,
    /// Where each string starts and ends: in the order of the strings, once the list is [`Self::sort`]ed.
    texts: Vec<(u32, u32)>,
    numbers: Vec<f64>,
    has: [bool; 2],
}

impl Values {
    /// Adds a string.
    ///
    /// # Errors
    /// `53200`.
    pub fn text(&mut self, text: &[u8]) -> Result<()> {
        self.bytes.room_for(text.len())?;
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(text);
        push(&mut self.texts, (start, self.bytes.len() as u32))
    }

    /// Adds a number.
    ///
    /// # Errors
    /// `53200`.
    pub fn number(&mut self, number: f64) -> Result<()> {
        push(&mut self.numbers, number)
    }

    /// Adds a boolean.
    pub fn bool(&mut self, value: bool) {
        self.has[usize::from(value)] = true;
    }

    /// Ends the list.
    pub fn sort(&mut self) {
        let bytes = &self.bytes;
        self.texts.sort_unstable_by(|a, b| of(bytes, *a).cmp(of(bytes, *b)));
        self.texts.dedup_by(|a, b| of(bytes, *a) == of(bytes, *b));
        self.numbers.sort_unstable_by(f64::total_cmp);
        self.numbers.dedup();
    }

    /// Whether a value is one of the list, which is sorted.
    #[inline]
    pub fn contains(&self, value: Scalar<'_>) -> bool {
        match value {
            Scalar::Text(text) => {
                self.texts.binary_search_by(|place| of(&self.bytes, *place).cmp(text)).is_ok()
            }
            // Adding zero takes the sign of a zero away.
            Scalar::Number(number) => {
                self.numbers.binary_search_by(|other| other.total_cmp(&(number + 0.0))).is_ok()
            }
            Scalar::Bool(value) => self.has[usize::from(value)],
            Scalar::Other => false,
        }
    }

    /// All of the list, which is sorted.
    pub fn iter(&self) -> impl Iterator<Item = Scalar<'_>> {
        let texts = self.texts.iter().map(|place| Scalar::Text(of(&self.bytes, *place)));
        let numbers = self.numbers.iter().copied().map(Scalar::Number);
        texts
            .chain(numbers)
            .chain([false, true].into_iter().filter(|b| self.has[usize::from(*b)]).map(Scalar::Bool))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.texts.len() + self.numbers.len() + self.has.iter().filter(|has| **has).count()
    }
}

#[inline]
fn of(bytes: &[u8], (start, end): (u32, u32)) -> &[u8] {
    &bytes[start as usize..end as usize]
}
