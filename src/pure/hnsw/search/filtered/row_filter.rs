//! What a filtered search asks about rows.

use crate::fault::Result;
use crate::hnsw::node::Tid;

/// What is known of a row that a bitmap of all matches has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Listed {
    /// The row was read and matches. Its distance as SQL shows it.
    Match(f64),
    /// The row was not read. A lower bound of its distance as SQL shows it.
    Unread(f64),
}

/// Rows that match a filter.
///
/// All functions are called while no page of the index is locked.
pub trait RowFilter {
    /// Whether a row can be seen and matches. `node` is the number of its node if the node has no other rows, so that the answer
    /// may be kept for later searches.
    ///
    /// # Errors
    /// Those of the table, and of the filter. The search is over then.
    fn matches(&mut self, tid: Tid, node: Option<u32>) -> Result<bool>;

    /// Whether the row of a node with one row is known not to match, as far as earlier searches have kept that. Nodes that have
    /// got more rows since may be among them.
    fn is_known_not_to_match(&self, node: u32) -> bool {
        let _ = node;
        false
    }

    /// Whether to test the row of a node with one row that was read, though this search may have no need to: later ones do not
    /// go beyond their limit for rows that are known not to match.
    ///
    /// # Errors
    /// `53200`.
    fn learns(&mut self, node: u32) -> Result<bool> {
        let _ = node;
        Ok(false)
    }

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

    /// The share of the rows that [`read`](Self::read) need not read, as a bound of their distance is known: of those in the bitmap, or
    /// if there is none yet, as far as that can be guessed.
    fn unread(&mut self) -> f64 {
        0.0
    }

    /// Lists the rows of the bitmap, in any order: `take` is given each match, and each row that may match and of whose distance a bound
    /// is known. Called once, after [`ask`](Self::ask).
    ///
    /// # Errors
    /// Those of the table, and of `take`.
    fn read(&mut self, take: &mut dyn FnMut(Tid, Listed) -> Result<()>) -> Result<()>;

    /// Reads a row of the bitmap that was not: its distance as SQL shows it, if it can be seen and matches.
    ///
    /// # Errors
    /// Those of the table.
    fn read_one(&mut self, tid: Tid) -> Result<Option<f64>>;
}
