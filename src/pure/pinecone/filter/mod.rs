//! Pinecone's metadata filters: which records a query, an update or a deletion is for.
//!
//! [`parse`] reads a filter once, into a [`Filter`] (`tree.rs`), or refuses it with the path to what is wrong. [`Filter::matches`]
//! (`evaluate.rs`) asks any [`Metadata`], and allocates nothing. For an inverted index, [`terms`](mod@terms) has the keys of a
//! record's metadata and [`Query`] those that a filter looks up.
//!
//! A filter is an object. Its clauses hold together:
//!
//! | clause | |
//! |---|---|
//! | `{"field": value}` | the same as `$eq` |
//! | `{"field": {"$op": operand, …}}` | all of the operators hold |
//! | `{"$and": [filter, …]}`, `{"$or": [filter, …]}` | all, any of them; at least one is given, none of them empty |
//!
//! | operator | operand | holds if |
//! |---|---|---|
//! | `$eq` | string, number or boolean | the field, or an element of its list, is of the same type and equal |
//! | `$ne` | the same | the field is there, and `$eq` does not hold |
//! | `$in` | list of up to [`MAX_VALUES`] | `$eq` holds for one of them |
//! | `$nin` | the same | the field is there, and `$in` does not hold |
//! | `$gt`, `$gte`, `$lt`, `$lte` | number | the field is a number, and compares so |
//! | `$exists` | boolean | the field is there, or is not |
//! | `$not` | object of operators | not all of them hold; so it does where the field is not there |
//!
//! Numbers are float64. The empty filter is for all records.

mod evaluate;
mod fields;
mod key;
mod limits;
mod metadata;
mod on_jsonb;
mod operand;
mod parse;
mod path;
mod query;
pub mod terms;
mod tree;
mod values;

#[cfg(test)]
mod tests;

pub use fields::Fields;
pub use key::{Key, MAX_KEY};
pub use limits::{MAX_BYTES, MAX_DEPTH, MAX_VALUES};
pub use metadata::{Metadata, Scalar, Value};
pub use parse::parse;
pub use query::{Query, QueryKey, tri};
pub use tree::Filter;
