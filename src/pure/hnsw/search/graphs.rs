//! The graphs that a search looks at.

use crate::fault::Result;
use crate::memory::allocation::Reserve;

/// Numbers of graphs.
#[derive(Debug, Default)]
pub(crate) struct Graphs {
    /// The only graph, or one of several.
    first: u32,
    /// All graphs, ascending, if there are several.
    all: Vec<u32>,
}

impl Graphs {
    /// One graph.
    pub(crate) fn of(graph: u32) -> Self {
        Self { first: graph, all: vec![] }
    }

    /// Sets the graphs. Without any, graph 0 stands for none: nothing is read then.
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

    /// Whether `graph` is one of the graphs.
    #[inline]
    pub(crate) fn has(&self, graph: u32) -> bool {
        graph == self.first || !self.all.is_empty() && self.all.binary_search(&graph).is_ok()
    }

    /// Bytes that grow with the number of graphs.
    pub(crate) fn bytes(&self) -> usize {
        self.all.capacity() * size_of::<u32>()
    }
}
