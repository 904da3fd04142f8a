//! Whether a filter is for a record.

use super::metadata::{Metadata, Scalar, Value};
use super::tree::{Clause, Filter, Test};

impl Filter {
    /// Whether the filter is for a record with such metadata. Allocates nothing.
    #[inline]
    #[must_use]
    pub fn matches(&self, metadata: &impl Metadata) -> bool {
        all(&self.clauses, metadata)
    }
}

#[inline]
fn all(clauses: &[Clause], metadata: &impl Metadata) -> bool {
    clauses.iter().all(|clause| match clause {
        Clause::Field { name, tests } => hold(tests, metadata.get(name).as_ref()),
        Clause::All(clauses) => all(clauses, metadata),
        Clause::Any(choices) => choices.iter().any(|clauses| all(clauses, metadata)),
    })
}

/// Whether all tests hold for a field; `None` is one that is missing.
#[inline]
fn hold(tests: &[Test], value: Option<&impl Value>) -> bool {
    tests.iter().all(|test| match test {
        Test::Equals(operand) => value.is_some_and(|value| value.any(|scalar| operand.equals(scalar))),
        Test::Differs(operand) => value.is_some_and(|value| !value.any(|scalar| operand.equals(scalar))),
        Test::In(values) => value.is_some_and(|value| value.any(|scalar| values.contains(scalar))),
        Test::NotIn(values) => value.is_some_and(|value| !value.any(|scalar| values.contains(scalar))),
        Test::Within(range) => match value.and_then(Value::scalar) {
            Some(Scalar::Number(number)) => range.contains(number),
            _ => false,
        },
        Test::Exists(exists) => value.is_some() == *exists,
        Test::Not(tests) => !hold(tests, value),
    })
}
