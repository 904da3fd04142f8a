//! Why a page could not be read as what it was expected to be.

use crate::fault::Fault;
use crate::hnsw::node::corrupted_part;

/// The fault for a page's bytes that cannot have been written.
#[cold]
pub fn corrupted(what: impl std::fmt::Display) -> Fault {
    corrupted_part("page of the index", what)
}

/// What keeps a reader from going on.
#[derive(Debug)]
pub enum Trouble {
    /// The page is another owner's by now: the segment or list that it belonged to has gone. The reader begins again
    /// at the root.
    Gone(u32),
    /// Anything else.
    Fault(Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Trouble {
    /// The fault of a reader that nobody can have taken a page from: it holds the merge lock.
    pub fn into_fault(self) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Gone(page) => corrupted(format_args!("page {page} is not of its segment")),
        }
    }
}

/// Result of reading pages that may have gone.
pub type Reading<T> = Result<T, Trouble>;
