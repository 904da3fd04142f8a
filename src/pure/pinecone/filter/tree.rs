//! A filter that was read.

use super::operand::Operand;
use super::values::Values;

/// A filter: all of its clauses hold for a record that it is for.
#[derive(Debug)]
pub struct Filter {
    pub(super) clauses: Vec<Clause>,
}

impl Filter {
    /// Whether this is `{}`, which is for all records. Deletions and updates refuse it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }
}

/// What holds for metadata or does not.
#[derive(Debug)]
pub(super) enum Clause {
    /// All tests hold for a field, which may be missing.
    Field { name: Vec<u8>, tests: Vec<Test> },
    /// All of the clauses hold.
    All(Vec<Clause>),
    /// At least one of the lists of clauses holds, as a whole.
    Any(Vec<Vec<Clause>>),
}

/// What holds for a field or does not.
#[derive(Debug)]
pub(super) enum Test {
    Equals(Operand),
    Differs(Operand),
    In(Values),
    NotIn(Values),
    Within(Range),
    Exists(bool),
    /// Not all of the tests hold.
    Not(Vec<Test>),
}

/// Numbers from one to another, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub min: f64,
    pub max: f64,
}

impl Range {
    pub const ALL: Self = Self { min: f64::NEG_INFINITY, max: f64::INFINITY };

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { min: self.min.max(other.min), max: self.max.min(other.max) }
    }

    pub fn is_empty(self) -> bool {
        self.min > self.max
    }

    #[inline]
    pub fn contains(self, number: f64) -> bool {
        self.min <= number && number <= self.max
    }
}
