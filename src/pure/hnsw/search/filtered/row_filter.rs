//! What a filtered search asks about rows.

use crate::fault::Result;
use crate::hnsw::node::Tid;

/// Rows that match a filter.
///
/// All functions are called while no page of the index is locked.
pub trait RowFilter {
    /// Whether a row can be seen and matches.
    ///
    /// # Errors
    /// Those of the table, and of the filter. The search is over then.
    fn matches(&mut self, tid: Tid) -> Result<bool>;

    /// The number of TIDs that a bitmap of all matches likely has, if `share` of the rows near the query match; none if no
    /// index gives such a bitmap. Called often: statistics are to be looked up once.
    ///
    /// # Errors
    /// Those of catalogs.
    fn expected(&mut self, share: f64) -> Result<Option<f64>>;

    /// Makes the bitmap: the number of its TIDs. Rows may be among them that do not match, but no match is missing. Called
    /// once, if there is such an index.
    ///
    /// # Errors
    /// Those of the index.
    fn ask(&mut self) -> Result<u64>;

    /// Reads the rows of the bitmap, in any order: `take` is given each match, with its distance as SQL shows it. Called
    /// once, after [`ask`](Self::ask).
    ///
    /// # Errors
    /// Those of the table, and of `take`.
    fn read(&mut self, take: &mut dyn FnMut(Tid, f64) -> Result<()>) -> Result<()>;
}
