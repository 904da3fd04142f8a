//! What is taken from a block that is read.

use super::target::Target;
use crate::block::{BlockRef, Header, Layout, State};
use crate::code::LANES;
use crate::fault::Result;

/// Neighbours and their estimates, of one block; keeps its memory.
#[derive(Debug)]
pub(crate) struct Hop {
    pub(crate) header: Header,
    /// Exact distance to the node.
    pub(crate) distance: f32,
    pub(crate) groups: usize,
    numbers: Box<[[u32; LANES]]>,
    estimates: Box<[[f32; LANES]]>,
}

impl Hop {
    pub(crate) fn new(layout: &Layout) -> Self {
        let groups = layout.lanes() / LANES;
        Self {
            header: Header {
                tid: Default::default(),
                state: State::Free,
                level: 0,
                version: 0,
                kept: 0,
                used: 0,
                norm: 0.0,
                scale: 1.0,
                graph: 0,
                down: crate::block::NONE,
                chain: crate::block::NONE,
            },
            distance: f32::INFINITY,
            groups: 0,
            numbers: vec![[0; LANES]; groups].into(),
            estimates: vec![[0.0; LANES]; groups].into(),
        }
    }

    /// Reads a block of a node of that graph on that level, any level if none is given. False: it is something else.
    #[inline]
    pub(crate) fn read(
        &mut self,
        layout: &Layout,
        target: &Target,
        graph: u32,
        level: Option<u8>,
        bytes: &[u8],
    ) -> Result<bool> {
        let block = BlockRef::new(layout, bytes)?;
        self.header = *block.header();
        let node = matches!(self.header.state, State::Live | State::Dead) && self.header.graph == graph;
        if !node || level.is_some_and(|level| level != self.header.level) {
            return Ok(false);
        }
        self.distance = target.distance(&block.own());
        let base = target.base(self.distance, self.header.norm);
        self.groups = block.used().div_ceil(LANES);
        let (mut add, mut mul) = ([0.0; LANES], [0.0; LANES]);
        for group in 0..self.groups {
            let codes = block.lanes(group, &mut self.numbers[group], &mut add, &mut mul)?;
            target.codes.estimate(layout.form(), codes, base, &add, &mul, &mut self.estimates[group]);
        }
        Ok(true)
    }

    /// The numbers in the lanes, [`NONE`](crate::block::NONE) among them, and the estimates.
    #[inline]
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (u32, f32)> {
        let numbers = self.numbers[..self.groups].as_flattened().iter().copied();
        let estimates = self.estimates[..self.groups].as_flattened().iter().copied();
        numbers.zip(estimates).take(usize::from(self.header.used))
    }
}
