//! The search of a construction: a beam of the nearest nodes known, expanded from the nearest on.

use super::adjacency::Links;
use crate::fault::Result;
use crate::hnsw::edges::{Candidate, QuerySpace, Space};
use crate::memory::allocation::Reserve;

/// The cost of searches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Nodes whose neighbours were read.
    pub expansions: u64,
    /// Distances computed.
    pub distances: u64,
}

/// The point that a search looks for.
pub(super) trait Target {
    fn distance(&self, node: u32) -> f32;
    fn prefetch(&self, node: u32);
}

/// A point of the space itself.
pub(super) struct Inside<'a, S>(pub &'a S, pub u32);

impl<S: Space> Target for Inside<'_, S> {
    #[inline]
    fn distance(&self, node: u32) -> f32 {
        self.0.between(self.1, node)
    }
    #[inline]
    fn prefetch(&self, node: u32) {
        self.0.prefetch(node);
    }
}

/// A query that is no point of the space.
pub(super) struct Outside<'a, S>(pub &'a S, pub &'a [f32]);

impl<S: QuerySpace> Target for Outside<'_, S> {
    #[inline]
    fn distance(&self, node: u32) -> f32 {
        self.0.distance(self.1, node)
    }
    #[inline]
    fn prefetch(&self, node: u32) {
        self.0.prefetch(node);
    }
}

/// The source of a search's neighbours.
pub(super) trait Edges {
    fn nodes(&self) -> usize;
    fn gather(&self, node: u32, level: u8, take: impl FnMut(u32));
    fn prefetch(&self, _node: u32) {}
}

impl Edges for Links<'_> {
    fn nodes(&self) -> usize {
        self.levels.len()
    }
    #[inline]
    fn gather(&self, node: u32, level: u8, take: impl FnMut(u32)) {
        self.list(node, level).iter().for_each(take);
    }
    #[inline]
    fn prefetch(&self, node: u32) {
        self.list(node, 0).prefetch();
    }
}

/// The marks and lists of a search, reused by the next search.
#[derive(Debug, Default)]
pub struct Beam {
    /// Epoch of the last search that met the node.
    seen: Vec<u16>,
    epoch: u16,
    /// The nearest nodes, ascending; an expanded node has `EXPANDED` set in its number.
    pool: Vec<Candidate>,
    near: Vec<u32>,
    /// The cost of all searches since a caller last reset it.
    pub effort: Effort,
}

/// A point is prefetched so many distances before its own: the cache has no room for the points of all neighbours.
const SOON: usize = 4;
const EXPANDED: u32 = 1 << 31;

impl Beam {
    /// Makes room for searches of `nodes` nodes.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn room_for(&mut self, nodes: usize) -> Result<()> {
        self.seen.room_for(nodes.saturating_sub(self.seen.len()))
    }

    /// Forgets the nodes that earlier searches have met.
    fn start(&mut self, nodes: usize) {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 || self.seen.len() < nodes {
            self.seen.clear();
            self.seen.resize(nodes, 0);
            self.epoch = 1;
        }
        self.pool.clear();
    }

    /// Puts a candidate into the pool if it belongs to the nearest `ef`; returns its position, else `usize::MAX`.
    #[inline]
    fn offer(&mut self, ef: usize, new: Candidate) -> usize {
        if self.pool.len() >= ef {
            if self.pool.last().is_none_or(|last| new.distance >= last.distance) {
                return usize::MAX;
            }
            self.pool.pop();
        }
        let place = self.pool.partition_point(|c| c.distance <= new.distance);
        self.pool.insert(place, new);
        place
    }

    /// The nearest `ef` nodes on a level that a walk from `entries` finds, ascending.
    pub(super) fn search(
        &mut self,
        edges: &impl Edges,
        target: &impl Target,
        entries: &[Candidate],
        ef: usize,
        level: u8,
    ) -> &[Candidate] {
        self.start(edges.nodes());
        for entry in entries {
            if std::mem::replace(&mut self.seen[entry.node as usize], self.epoch) != self.epoch {
                self.offer(ef, *entry);
            }
        }
        let mut next = 0;
        while let Some(best) = self.pool.get_mut(next) {
            if best.node & EXPANDED != 0 {
                next += 1;
                continue;
            }
            let node = best.node;
            best.node |= EXPANDED;
            next += 1;
            self.effort.expansions += 1;
            let mut near = std::mem::take(&mut self.near);
            near.clear();
            edges.gather(node, level, |other| {
                let seen = &mut self.seen[other as usize];
                if *seen != self.epoch {
                    *seen = self.epoch;
                    near.push(other);
                }
            });
            near.iter().take(SOON).for_each(|node| target.prefetch(*node));
            self.effort.distances += near.len() as u64;
            for (i, &node) in near.iter().enumerate() {
                if let Some(soon) = near.get(i + SOON) {
                    target.prefetch(*soon);
                }
                let place = self.offer(ef, Candidate { distance: target.distance(node), node });
                next = next.min(place);
            }
            self.near = near;
            if let Some(best) = self.pool.get(next) {
                edges.prefetch(best.node & !EXPANDED);
            }
        }
        for c in &mut self.pool {
            c.node &= !EXPANDED;
        }
        &self.pool
    }

    /// Greedy walk from the entry point down to the level above `level`: the node at which a search on `level` starts.
    pub(super) fn descend(
        &mut self,
        edges: &impl Edges,
        target: &impl Target,
        entry: u32,
        from: u8,
        level: u8,
    ) -> Candidate {
        let mut best = Candidate { distance: target.distance(entry), node: entry };
        self.effort.distances += 1;
        for level in (level + 1..=from).rev() {
            best = self.search(edges, target, &[best], 1, level)[0];
        }
        best
    }

    /// The nearest `max` of the nodes two hops from a node on level 0, ascending, each with the position
    /// of the first neighbour that leads to it.
    pub(super) fn around(
        &mut self,
        edges: &impl Edges,
        node: u32,
        max: usize,
        target: &impl Target,
        out: &mut Vec<(Candidate, u8)>,
    ) {
        self.start(edges.nodes());
        self.seen[node as usize] = self.epoch;
        let mut near = std::mem::take(&mut self.near);
        near.clear();
        edges.gather(node, 0, |other| {
            self.seen[other as usize] = self.epoch;
            near.push(other);
        });
        out.clear();
        near.iter().for_each(|hop| edges.prefetch(*hop));
        for (via, hop) in near.iter().enumerate() {
            edges.gather(*hop, 0, |other| {
                if std::mem::replace(&mut self.seen[other as usize], self.epoch) != self.epoch {
                    out.push((Candidate { distance: 0.0, node: other }, via as u8));
                }
            });
        }
        out.iter().take(SOON).for_each(|(c, _)| target.prefetch(c.node));
        for i in 0..out.len() {
            if let Some((soon, _)) = out.get(i + SOON) {
                target.prefetch(soon.node);
            }
            let c = &mut out[i].0;
            c.distance = target.distance(c.node);
        }
        self.near = near;
        if out.len() > max {
            out.select_nth_unstable_by(max, |a, b| a.0.order(&b.0));
            out.truncate(max);
        }
        out.sort_unstable_by(|a, b| a.0.order(&b.0));
    }
}
