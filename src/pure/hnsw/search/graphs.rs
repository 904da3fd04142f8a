//! The graphs that a search looks at.

use crate::fault::Result;
use crate::memory::allocation::Reserve;

/// Numbers of graphs.
#[derive(Debug, Default)]
pub(crate) struct Graphs {
    /// The only one, or one of them.
    first: u32,
    /// All, ascending, if there are several.
    all: Vec<u32>,
}

impl Graphs {
    /// One.
    pub(crate) fn of(graph: u32) -> Self {
        Self { first: graph, all: vec![] }
    }

    /// Makes it these. Without any, it is graph 0: nothing is read then.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(crate) fn set(&mut self, mut graphs: impl ExactSizeIterator<Item = u32>) -> Result<()> {
        self.all.clear();
        let several = graphs.len() > 1;
        self.first = graphs.next().unwrap_or(0);
        if several {
            self.all.room_for(graphs.len() + 1)?;
            self.all.push(self.first);
            self.all.extend(graphs);
            self.all.sort_unstable();
        }
        Ok(())
    }

    /// Whether that is one of them.
    #[inline]
    pub(crate) fn has(&self, graph: u32) -> bool {
        graph == self.first || !self.all.is_empty() && self.all.binary_search(&graph).is_ok()
    }

    /// Bytes that grow with their number.
    pub(crate) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<u32>()
    }
}
