//! What a search takes from a node record that it reads.

use super::graphs::Graphs;
use super::node_reader::Pages;
use super::query::{Compare, Target};
use crate::fault::Result;
use crate::hnsw::node::{Header, Layout, NONE, NodeRef, State, corrupted};
use crate::hnsw::rabitq::BATCH;
use crate::simd::prefetch::prefetch;

/// The neighbours of one node record and their estimates; keeps its memory.
#[derive(Debug)]
pub(crate) struct Expanded {
    pub(crate) header: Header,
    /// Exact distance to the node.
    pub(crate) distance: f32,
    /// Whether the estimates are not needed.
    pub(crate) blind: bool,
    /// How far the neighbours' estimates are usually off.
    pub(crate) estimate_error: f32,
    pub(crate) groups: usize,
    numbers: Box<[[u32; BATCH]]>,
    estimates: Box<[[f32; BATCH]]>,
}

impl Expanded {
    pub(crate) fn new(layout: &Layout) -> Self {
        let groups = layout.slots().div_ceil(BATCH);
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
                down: NONE,
                tid_list: NONE,
            },
            distance: f32::INFINITY,
            blind: false,
            estimate_error: 0.0,
            groups: 0,
            numbers: vec![[0; BATCH]; groups].into(),
            estimates: vec![[0.0; BATCH]; groups].into(),
        }
    }

    /// Reads the record of a node of `graphs` on `level`, any level if none is given. False: the record is something else.
    /// Without codes there are no estimates, see [`measure`](Self::measure).
    #[inline]
    pub(crate) fn read(
        &mut self,
        layout: &Layout,
        target: &Target,
        graphs: &Graphs,
        level: Option<u8>,
        bytes: &[u8],
    ) -> Result<bool> {
        // The codes lie behind the vector, where the CPU does not guess in time that they are needed.
        prefetch(bytes, layout.node_bytes().div_ceil(64));
        let record = NodeRef::new(layout, bytes)?;
        self.header = *record.header();
        let node = matches!(self.header.state, State::Live | State::Dead) && graphs.has(self.header.graph);
        if !node || level.is_some_and(|level| level != self.header.level) {
            return Ok(false);
        }
        self.distance = target.distance(&record.stored());
        let base = target.base(self.distance, self.header.norm);
        self.estimate_error = 0.0;
        self.groups = record.used().div_ceil(BATCH);
        let (mut add, mut mul) = ([0.0; BATCH], [0.0; BATCH]);
        for group in 0..self.groups {
            let codes = record.slots(group, &mut self.numbers[group], &mut add, &mut mul)?;
            if let Compare::Codes(query) = target.compare()
                && !self.blind
            {
                if group == 0 {
                    let used = record.used().min(BATCH);
                    let mean = mul[..used].iter().sum::<f32>() / used as f32;
                    self.estimate_error = -mean * target.estimate_error(self.distance, self.header.norm);
                }
                query.estimate(layout.form(), codes, base, &add, &mul, &mut self.estimates[group]);
            }
        }
        Ok(true)
    }

    /// Without codes, reads the neighbours' records for their distances, which take the place of estimates. Neighbours that
    /// were looked at before, or are no longer nodes of the graph on the level, leave their slots. Returns how many node
    /// records were read. With codes, does nothing.
    #[inline]
    pub(crate) fn measure(
        &mut self,
        layout: &Layout,
        target: &mut Target,
        pages: &mut impl Pages,
    ) -> Result<u64> {
        if layout.uncoded().is_none() { Ok(0) } else { self.look(layout, target, pages) }
    }

    fn look(&mut self, layout: &Layout, target: &mut Target, pages: &mut impl Pages) -> Result<u64> {
        let Header { graph, level, used, .. } = self.header;
        let numbers = self.numbers.as_flattened_mut().iter_mut();
        let mut reads = 0;
        for (number, estimate) in numbers.zip(self.estimates.as_flattened_mut()).take(used.into()) {
            if *number == NONE {
                continue;
            }
            if target.has_met(*number) {
                *number = NONE;
                continue;
            }
            if !pages.has(*number) {
                return Err(corrupted(format_args!("edge to {number} of {}", pages.records())));
            }
            let distance = pages.read(*number, |bytes| -> Result<Option<f32>> {
                let record = NodeRef::new(layout, bytes)?;
                let header = record.header();
                let node = matches!(header.state, State::Live | State::Dead);
                let is_neighbour = node && (header.graph, header.level) == (graph, level);
                Ok(is_neighbour.then(|| target.distance(&record.stored())))
            })??;
            reads += 1;
            target.meet(*number, distance.unwrap_or(f32::INFINITY))?;
            match distance {
                Some(distance) => *estimate = distance,
                None => *number = NONE,
            }
        }
        Ok(reads)
    }

    /// The numbers in the edge slots, [`NONE`](crate::hnsw::node::NONE) among them, and the estimates.
    #[inline]
    pub(crate) fn slots(&self) -> impl Iterator<Item = (u32, f32)> {
        let numbers = self.numbers[..self.groups].as_flattened().iter().copied();
        let estimates = self.estimates[..self.groups].as_flattened().iter().copied();
        numbers.zip(estimates).take(usize::from(self.header.used))
    }
}
