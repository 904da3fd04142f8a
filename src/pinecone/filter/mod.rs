//! Metadata filters in plain SQL: `metadata @@@ filter`, and the classes of GIN that serve it.
//!
//! The language is in the pure crate. [`operator`] asks a filter of a value, [`parsed_filter`] keeps the filter that a call has parsed.
//! [`gin`] is the class `pc_filter_ops` over metadata, [`fields`] its option, [`gin_text`] the class `pc_text_ops`, for a namespace before it.

mod fields;
mod gin;
mod gin_text;
mod operator;
mod parsed_filter;
