//! The first batch: of one graph, or of several that are searched as if they were one.
//!
//! # What was measured
//!
//! 60,000 rows x 64 in 20 clusters, and as many as 60 keys with 1,000 rows each; recall of the ten nearest and buffers of a
//! query, including those of the rows, at `ef_search` 40:
//!
//! | keys | recall | buffers |
//! |---|---|---|
//! | 1 | 0.995 | 193 |
//! | 3 | 1.000 | 286 |
//! | 10 | 0.995 | 635 |
//! | 60 | 0.995 | 3008 |
//! | all rows in one graph | 1.000 | 239 |

use super::search::Search;
use super::start::{NARROW, Start};
use crate::fault::Result;
use crate::hnsw::node::{EntryPoint, NONE, corrupted};
use crate::hnsw::search::Width;
use crate::hnsw::search::node_reader::Pages;
use crate::memory::allocation::{Reserve, check, push};

impl Search {
    /// Makes the first batch.
    pub(super) fn first(&mut self, pages: &mut impl Pages) -> Result<()> {
        if self.approach(pages)? { self.walk(pages, false) } else { Ok(()) }
    }

    /// Comes near the query in each graph. False: all nodes were read on the way, and are the batch.
    pub(super) fn approach(&mut self, pages: &mut impl Pages) -> Result<bool> {
        let starts = std::mem::take(&mut self.starts);
        let max = self.limit.hops.min(self.limit.nodes) / starts.len().max(1) as u64;
        self.patience = max.max(4 * self.width.min as u64);
        match starts[..] {
            [Start { root, all: true }] => self.whole(pages, root)?,
            [Start { root, all: false }] => self.enter(pages, root)?,
            _ => self.several(pages, &starts)?,
        }
        self.starts = starts;
        self.starts.clear();
        Ok(!self.all)
    }

    /// Looks at all nodes of a graph.
    fn whole(&mut self, pages: &mut impl Pages, root: EntryPoint) -> Result<()> {
        self.expanded.blind = true;
        self.sweep(pages, root.origin)?;
        self.expanded.blind = false;
        Ok(())
    }

    /// Goes down to the lowest level of a graph.
    fn enter(&mut self, pages: &mut impl Pages, root: EntryPoint) -> Result<()> {
        self.origins.push(root.origin);
        self.descend(pages, root)
    }

    /// Comes near the query in several graphs.
    ///
    /// Each graph is searched narrowly by itself, so that the search comes near the query in each; then all candidates make
    /// one frontier, from which the search goes on wherever they are nearest.
    fn several(&mut self, pages: &mut impl Pages, starts: &[Start]) -> Result<()> {
        let (mut found, mut open) = (vec![], vec![]);
        let mut error = 0.0;
        let wide = self.width;
        for Start { root, all } in starts {
            check()?;
            self.width = wide;
            if *all {
                self.whole(pages, *root)?;
            } else {
                let narrow = Width::of(&self.layout, NARROW, None);
                self.width = Width {
                    nodes: wide.nodes.min(narrow.nodes),
                    min: wide.min.min(narrow.min),
                    hops: wide.hops.min(narrow.hops),
                };
                self.frontier.start(self.width.nodes);
                self.enter(pages, *root)?;
                self.walk(pages, false)?;
                self.frontier.drain_to(&mut open)?;
                error = self.frontier.estimate_error();
            }
            found.room_for(self.batch.len())?;
            found.append(&mut self.batch);
        }
        self.width = wide;
        self.batch = found;
        self.frontier.start(wide.nodes);
        if self.all {
            return Ok(());
        }
        for found in &self.batch {
            self.frontier.found(found.distance, error)?;
        }
        self.frontier.room_for(open.len())?;
        for candidate in open {
            if !self.visited.contains(candidate.number) {
                self.frontier.offer(candidate);
            }
        }
        Ok(())
    }

    /// Looks at all nodes that can be reached from the tree's root, in no order.
    fn sweep(&mut self, pages: &mut impl Pages, origin: u32) -> Result<()> {
        if !self.meet(pages, origin)? {
            return Ok(());
        }
        let mut open = vec![origin];
        while let Some(next) = open.pop() {
            if !self.read(pages, next, Some(0))? {
                continue;
            }
            self.found(next, true)?;
            for (number, _) in self.expanded.slots() {
                if number == NONE {
                    continue;
                }
                if !pages.has(number) {
                    return Err(corrupted(format_args!("edge to {number} of {}", pages.records())));
                }
                if self.visited.insert(number, ())? {
                    push(&mut open, number)?;
                }
            }
        }
        Ok(())
    }
}
