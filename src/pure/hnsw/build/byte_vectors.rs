//! Vectors in bytes: a construction spends its time on reading memory, and bytes are a quarter of it.

use super::byte_distance::{ByteDistance, Sums};
use super::control::Control;
use super::memory::{Heap, Memory, Room};
use super::points::Arena;
use crate::distance::metric::Metric;
use crate::fault::Result;
use crate::hnsw::edges::Space;
use crate::memory::allocation::{filled, with_room};
use crate::simd::prefetch::{AHEAD, prefetch};
use rayon::prelude::*;

/// Codes of 8 bits for each coordinate of each point of an arena, in equal steps around the mean of the
/// coordinate. The distance is the one between codes.
#[derive(Debug)]
pub struct ByteVectors {
    stride: usize,
    len: usize,
    codes: Room,
    /// Squared size of a step.
    unit: f32,
    way: ByteDistance,
    /// The sums of each point, if `way` needs them.
    sums: Vec<Sums>,
}

/// Points by which the steps are chosen.
const SAMPLE: usize = 1024;
/// Points whose neighbours are compared to judge the result, and the number of neighbours of each.
const PROBES: usize = 32;
const NEAR: usize = 16;
/// Of 1,000 coordinates, at most so many lie beyond the codes.
const BEYOND: usize = 1;
/// Maximum variation of the ratio of distances between near points.
const GOOD: f64 = 0.03;

impl ByteVectors {
    /// The points of an arena in bytes. `None` if the codes tell near points badly apart: if the points lie in clumps
    /// much smaller than the distances between the clumps, say, or if few coordinates are much larger than the
    /// others. `None`, too, for the inner product, for uncoded values and if cancelled. Runs on the current pool of rayon.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn of(arena: &Arena, control: &Control) -> Result<Option<Self>> {
        let room = Heap.room(Self::size(arena))?;
        Self::in_room(arena, room, control)
    }

    /// Bytes of the codes for an arena; the sums, if any, take few bytes beside the codes.
    pub fn size(arena: &Arena) -> usize {
        if Self::never(arena) { 0 } else { arena.len() * Self::stride(arena.dim()) }
    }

    fn never(arena: &Arena) -> bool {
        arena.is_empty() || arena.is_uncoded() || arena.metric() == Metric::InnerProduct
    }

    fn stride(dim: usize) -> usize {
        dim.next_multiple_of(if dim > 64 { 64 } else { 32 })
    }

    /// As [`of`](Self::of), in a room of [`size`](Self::size) bytes.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn in_room(arena: &Arena, room: Room, control: &Control) -> Result<Option<Self>> {
        if Self::never(arena) {
            return Ok(None);
        }
        let vectors = Self::any(arena, room, control)?;
        Ok((vectors.error(arena, control)? <= GOOD && !control.is_cancelled()).then_some(vectors))
    }

    fn any(arena: &Arena, mut room: Room, control: &Control) -> Result<Self> {
        let width = arena.dim();
        let sample: Vec<u32> = spread(arena.len(), SAMPLE).collect();
        let mut mean = filled(0f64, width)?;
        for point in &sample {
            mean.iter_mut().zip(arena.point(*point)).for_each(|(m, x)| *m += f64::from(*x));
        }
        mean.iter_mut().for_each(|m| *m /= sample.len() as f64);
        let mut reach: Vec<f32> = with_room(sample.len() * width)?;
        for point in &sample {
            reach.extend(mean.iter().zip(arena.point(*point)).map(|(m, x)| (x - *m as f32).abs()));
        }
        let place = reach.len() - 1 - reach.len() * BEYOND / 1000;
        let reach = *reach.select_nth_unstable_by(place, f32::total_cmp).1;
        let step = if reach > 0.0 { reach / 127.0 } else { 1.0 };
        let stride = Self::stride(width);
        let points = room.bytes_mut().par_chunks_exact_mut(stride).take(arena.len()).enumerate();
        points.with_min_len(64).filter(|_| !control.is_cancelled()).for_each(|(i, codes)| {
            let point = arena.point(i as u32);
            for ((code, x), m) in codes.iter_mut().zip(point).zip(&mean) {
                // The cast saturates at 0 and 255.
                *code = ((x - *m as f32) / step + 128.0) as u8;
            }
        });
        let way = ByteDistance::best(stride);
        let mut sums = filled(Sums::default(), if way.wants_sums() { arena.len() } else { 0 })?;
        let points = room.bytes().par_chunks_exact(stride).with_min_len(64);
        sums.par_iter_mut().zip(points).for_each(|(sums, point)| *sums = Sums::of(point));
        Ok(Self { stride, len: arena.len(), codes: room, unit: step * step, way, sums })
    }

    /// Variation of the ratio of the distance between codes to the distance in the arena, as a fraction of its mean, for
    /// pairs of near points.
    fn error(&self, arena: &Arena, control: &Control) -> Result<f64> {
        let probes: Vec<u32> = spread(arena.len(), PROBES).collect();
        let near = |probe: &u32| -> Result<Vec<f64>> {
            // All points, as a sample would not hold the nearest.
            let points = (0..arena.len() as u32).take_while(|_| !control.is_cancelled());
            let mut all: Vec<(f32, u32)> = with_room(arena.len())?;
            all.extend(points.map(|i| (self.between(*probe, i), i)));
            if all.len() > NEAR {
                all.select_nth_unstable_by(NEAR, |a, b| a.0.total_cmp(&b.0));
                all.truncate(NEAR);
            }
            let distances = all.into_iter().map(|(here, i)| (here, arena.between(*probe, i)));
            let ratios = distances.filter(|(_, there)| *there > 0.0);
            Ok(ratios.map(|(here, there)| f64::from(here / there)).collect())
        };
        let ratios: Vec<f64> = probes.par_iter().map(near).collect::<Result<Vec<_>>>()?.concat();
        if ratios.is_empty() {
            return Ok(0.0);
        }
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        let variance = ratios.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / ratios.len() as f64;
        Ok(if mean > 0.0 { variance.sqrt() / mean } else { f64::INFINITY })
    }

    #[inline]
    fn point(&self, node: u32) -> &[u8] {
        &self.codes.bytes()[node as usize * self.stride..][..self.stride]
    }
}

/// At most `max` points, spread evenly over an arena.
fn spread(points: usize, max: usize) -> impl Iterator<Item = u32> {
    (0..points).step_by(points.div_ceil(max).max(1)).map(|i| i as u32)
}

impl Space for ByteVectors {
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn between(&self, a: u32, b: u32) -> f32 {
        let sums = |node| self.sums.get(node as usize).copied().unwrap_or_default();
        self.unit * self.way.between((self.point(a), sums(a)), (self.point(b), sums(b))) as f32
    }

    #[inline]
    fn prefetch(&self, node: u32) {
        prefetch(self.point(node), AHEAD);
        prefetch(self.sums.get(node as usize..).unwrap_or(&[]), 1);
    }
}
