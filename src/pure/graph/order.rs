//! An order of the nodes that puts neighbours onto the same page.

use super::links::NONE;
use super::memory::Words;
use super::result::Graph;
use std::collections::VecDeque;

impl Graph {
    /// The nodes in an order in which groups of `page` of them are near each other: breadth first from the
    /// entry point, each page filled up with the first neighbours of those on it. A permutation.
    pub fn locality_order(&self, page: usize) -> Vec<u32> {
        let page = page.max(1);
        let mut order = Vec::with_capacity(self.len());
        let mut placed = vec![false; self.len()];
        let mut met = vec![false; self.len()];
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
                        queue.push_back(other);
                    }
                    if order.len() < end && !std::mem::replace(&mut placed[other as usize], true) {
                        order.push(other);
                    }
                }
                at += 1;
            }
        }
        order
    }

    /// The same graph with its nodes numbered anew: node `order[i]` becomes node i. The order must be a
    /// permutation of all nodes.
    pub fn renumbered(&self, order: &[u32]) -> Self {
        self.renumbered_in(order, Words::new(self.base().len()))
    }

    /// As [`renumbered`](Self::renumbered), with its lists of level 0 in that room.
    pub fn renumbered_in(&self, order: &[u32], base: Words) -> Self {
        let mut new = vec![NONE; self.len()];
        for (i, node) in order.iter().enumerate() {
            new[*node as usize] = i as u32;
        }
        let rename = |lane: &u32| if *lane == NONE { NONE } else { new[*lane as usize] };
        let mut graph = Self {
            entry: self.entry.map(|node| new[node as usize]),
            levels: order.iter().map(|node| self.levels[*node as usize]).collect(),
            kept: order.iter().map(|node| self.kept[*node as usize]).collect(),
            lanes: self.lanes,
            m: self.m,
            base,
            upper: Words::new(self.upper.all().len()),
            first: Vec::with_capacity(self.len()),
        };
        let mut base = graph.base.all_mut().iter_mut();
        let mut upper = graph.upper.all_mut().iter_mut();
        let mut lists = 0;
        for &node in order {
            graph.first.push(lists);
            lists += u32::from(self.levels[node as usize]);
            let copy = |(lane, new): (&u32, &mut u32)| *new = rename(lane);
            self.list(node, 0).iter().zip(base.by_ref()).for_each(copy);
            for level in 1..=self.levels[node as usize] {
                self.list(node, level).iter().zip(upper.by_ref()).for_each(copy);
            }
        }
        graph
    }
}
