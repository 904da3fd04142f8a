//! An order of the nodes that puts neighbours on the same page.

use super::adjacency::NONE;
use super::graph::Graph;
use super::memory::Words;
use crate::fault::Result;
use crate::memory::allocation::{Reserve, collected, filled, with_room};
use std::collections::VecDeque;

impl Graph {
    /// The nodes in an order in which groups of `page` nodes are near each other: breadth first from the
    /// entry point, each page filled up with the first neighbours of the nodes on it. A permutation.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn locality_order(&self, page: usize) -> Result<Vec<u32>> {
        let page = page.max(1);
        let mut order = with_room(self.len())?;
        let mut placed = filled(false, self.len())?;
        let mut met = filled(false, self.len())?;
        let mut queue: VecDeque<u32> = self.entry.into_iter().collect();
        if let Some(entry) = self.entry {
            met[entry as usize] = true;
        }
        while let Some(node) = queue.pop_front() {
            if placed[node as usize] {
                continue;
            }
            let end = (order.len() / page + 1) * page;
            placed[node as usize] = true;
            order.push(node);
            let mut at = order.len() - 1;
            while at < order.len() {
                for &other in self.neighbours(order[at], 0) {
                    if !std::mem::replace(&mut met[other as usize], true) {
                        queue.room_for(1)?;
                        queue.push_back(other);
                    }
                    if order.len() < end && !std::mem::replace(&mut placed[other as usize], true) {
                        order.push(other);
                    }
                }
                at += 1;
            }
        }
        Ok(order)
    }

    /// The same graph with its nodes numbered anew: node `order[i]` becomes node i. The order must be a
    /// permutation of all nodes.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn renumbered(&self, order: &[u32]) -> Result<Self> {
        self.renumbered_in(order, Words::new(self.base().len())?)
    }

    /// As [`renumbered`](Self::renumbered), with the lists of level 0 in `base`.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn renumbered_in(&self, order: &[u32], base: Words) -> Result<Self> {
        let mut new = filled(NONE, self.len())?;
        for (i, node) in order.iter().enumerate() {
            new[*node as usize] = i as u32;
        }
        let rename = |slot: &u32| if *slot == NONE { NONE } else { new[*slot as usize] };
        let mut graph = Self {
            entry: self.entry.map(|node| new[node as usize]),
            levels: collected(order.iter().map(|node| self.levels[*node as usize]))?,
            kept: collected(order.iter().map(|node| self.kept[*node as usize]))?,
            slots: self.slots,
            m: self.m,
            base,
            upper: Words::new(self.upper.all().len())?,
            first: with_room(self.len())?,
        };
        let mut base = graph.base.all_mut().iter_mut();
        let mut upper = graph.upper.all_mut().iter_mut();
        let mut lists = 0;
        for &node in order {
            graph.first.push(lists);
            lists += u32::from(self.levels[node as usize]);
            let copy = |(slot, new): (&u32, &mut u32)| *new = rename(slot);
            self.list(node, 0).iter().zip(base.by_ref()).for_each(copy);
            for level in 1..=self.levels[node as usize] {
                self.list(node, level).iter().zip(upper.by_ref()).for_each(copy);
            }
        }
        Ok(graph)
    }
}
