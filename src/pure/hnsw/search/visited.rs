//! Which node records a search has read, and what is known of them.

use crate::fault::Result;
use crate::memory::allocation::filled;

/// Numbers with a value for each.
#[derive(Debug)]
pub(crate) struct Table<V> {
    /// Open addressing, a power of two long; `FREE` where there is no number.
    slots: Vec<(u32, V)>,
    len: usize,
}

/// A set of numbers.
pub(crate) type Visited = Table<()>;

const FREE: u32 = u32::MAX;
const FEW: usize = 1 << 10;
/// More slots are not kept for the next search: clearing them would take too long.
const MANY: usize = 1 << 14;

impl<V: Copy + Default> Table<V> {
    pub(crate) fn new() -> Self {
        Self { slots: vec![(FREE, V::default()); FEW], len: 0 }
    }

    pub(crate) fn clear(&mut self) {
        if self.slots.len() > MANY {
            *self = Self::new();
        } else if self.len > 0 {
            self.slots.fill((FREE, V::default()));
            self.len = 0;
        }
    }

    #[inline]
    fn find(&self, number: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (number.wrapping_mul(0x9e37_79b1) >> 7) as usize & mask;
        while self.slots[at].0 != FREE && self.slots[at].0 != number {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline]
    pub(crate) fn contains(&self, number: u32) -> bool {
        self.slots[self.find(number)].0 == number
    }

    /// The value of a number, if there is one.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<V> {
        let (found, value) = self.slots[self.find(number)];
        (found == number).then_some(value)
    }

    /// Adds a number. False: it was there. `number` is not [`NONE`](crate::hnsw::node::NONE).
    ///
    /// # Errors
    /// `53200` if there is no memory; the table stays as it was.
    #[inline]
    pub(crate) fn insert(&mut self, number: u32, value: V) -> Result<bool> {
        let mut at = self.find(number);
        if self.slots[at].0 == number {
            return Ok(false);
        }
        if (self.len + 1) * 2 > self.slots.len() {
            self.grow()?;
            at = self.find(number);
        }
        self.slots[at] = (number, value);
        self.len += 1;
        Ok(true)
    }

    #[cold]
    fn grow(&mut self) -> Result<()> {
        let double = filled((FREE, V::default()), self.slots.len() * 2)?;
        for (number, value) in std::mem::replace(&mut self.slots, double) {
            if number != FREE {
                let at = self.find(number);
                self.slots[at] = (number, value);
            }
        }
        Ok(())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.slots.len() * size_of::<(u32, V)>()
    }
}
