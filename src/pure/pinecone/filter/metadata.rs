//! What a filter asks of metadata.

/// The metadata of a record, wherever it lies.
pub trait Metadata {
    /// The value of a field.
    type Value<'a>: Value
    where
        Self: 'a;

    /// The value of a field; `None` if there is no such field.
    fn get(&self, field: &[u8]) -> Option<Self::Value<'_>>;

    /// All fields.
    fn fields(&self) -> impl Iterator<Item = (&[u8], Self::Value<'_>)>;
}

/// The value of a field: a scalar or a list.
pub trait Value {
    /// The value; `None` if it is a list.
    fn scalar(&self) -> Option<Scalar<'_>>;

    /// Whether the value, or an element of the list, passes a test.
    fn any(&self, test: impl FnMut(Scalar<'_>) -> bool) -> bool;
}

/// What compares with the operand of an operator.
#[derive(Debug, Clone, Copy)]
pub enum Scalar<'a> {
    /// A string, in UTF-8.
    Text(&'a [u8]),
    /// A number.
    Number(f64),
    /// A boolean.
    Bool(bool),
    /// What Pinecone's metadata cannot have, and equals nothing: null, an object, a list within a list.
    Other,
}
