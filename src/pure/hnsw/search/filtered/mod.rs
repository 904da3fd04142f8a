//! Filtered searches: the nearest rows that match a filter.
//!
//! - `row_filter`: what a search asks about rows ([`RowFilter`]). `costs`: when it asks an index for all matches, and when it
//!   reads them instead of walking on ([`Costs`]). `search`: the order of events ([`FilteredSearch`]). `rest`: matches that were
//!   listed, the nearest first. `known_matches`: which nodes earlier searches have found to match ([`KnownMatches`]).
//! - `kept_vectors`: vectors of rows that earlier searches have read ([`KeptVectors`]). `byte_vector`: what a vector in bytes says of
//!   distances. `byte_product`: its kernel. `match_list`: all rows that may match ([`MatchList`]).
//!
//! # The rule
//!
//! The walk is that of an unfiltered search: a node that does not match leads on to its neighbours all the same. But only
//! matches make the limit, and a row is tested only once its distance is the smallest of all that are open: farther rows may
//! not be needed. Let `n` be the places of an unfiltered search that is wide enough, `k` the number of rows wanted, and `p`
//! the share of matches among the tested nodes. The limit is the distance of the match at place
//!
//! ```text
//! k + 2 + p (n − k − 2)
//! ```
//!
//! where all match as far out as an unfiltered search of `n` places, where few match no farther than it takes.
//!
//! Estimates are off, so candidates are read as far beyond the limit as they usually are. Nodes that are known not to match are
//! not: no row is lost with them, and others lead where they lead.
//!
//! Where matches are few, or far from the query, no walk is good. So a search projects what the rest of its walk will cost,
//! and compares that with the cost of asking an inverted index for a bitmap of all matches; once it has that, with the cost of
//! reading the matches. [`Costs`] has both comparisons.
//!
//! Of a match whose vector is kept in bytes, a bound of the distance is known, and the row is read when no row that is left can be
//! nearer.
//!
//! Where all matches were listed and no row was added since, the list is read without a walk, if that is cheaper. Walks with a
//! filter are counted, and once they have cost as much as a list does, the list is made.
//!
//! # What was measured
//!
//! See `README.md` of the access method.

mod byte_product;
mod byte_vector;
mod costs;
mod kept_vectors;
mod known_matches;
mod match_list;
mod rest;
mod row_filter;
mod search;
#[cfg(test)]
mod tests;

pub use byte_product::{Kernels as ByteProduct, variants as byte_products};
pub use byte_vector::{ByteQuery, is_bounded};
pub use costs::{Costs, Progress};
pub use kept_vectors::KeptVectors;
pub use known_matches::KnownMatches;
pub use match_list::MatchList;
pub use row_filter::{Listed, RowFilter};
pub use search::{FilteredSearch, Wish};
