//! Vectors in bytes: a quarter of the memory to go through, which is what a construction spends its time on.
#![allow(unsafe_code)]

use super::Metric;
use super::control::Control;
use super::memory::{Heap, Memory, Room};
use super::rows::{Arena, Space};
use crate::prefetch::{AHEAD, prefetch};
use rayon::prelude::*;

/// Codes of 8 bits for each coordinate of each row of an arena, in equal steps around the mean of the
/// coordinate. The distance is that between codes.
#[derive(Debug)]
pub struct Shadow {
    stride: usize,
    len: usize,
    codes: Room,
    /// Squared size of a step.
    unit: f32,
    kernel: Kernel,
}

/// A function from [`kernel`], so the CPU can run it.
type Kernel = unsafe fn(&[u8], &[u8]) -> u32;

/// Rows that are looked at to choose the steps.
const SAMPLE: usize = 1024;
/// Rows whose neighbours are compared to judge the result, and how many of each.
const PROBES: usize = 32;
const NEAR: usize = 16;
/// Of 1,000 coordinates, at most so many are beyond the codes.
const BEYOND: usize = 1;
/// Variation of the ratio of distances between near rows that is still good.
const GOOD: f64 = 0.03;

impl Shadow {
    /// The shadow of an arena, or none if the codes tell near rows badly apart: if the rows lie in clumps
    /// much smaller than the distances between those, say, or if few coordinates are much larger than the
    /// others. None, too, for the inner product, for plain values and if cancelled. Runs on the current pool of rayon.
    pub fn of(arena: &Arena, control: &Control) -> Option<Self> {
        let room = Heap.room(Self::size(arena)).ok()?;
        Self::in_room(arena, room, control)
    }

    /// Bytes that the shadow of an arena takes.
    pub fn size(arena: &Arena) -> usize {
        arena.len() * Self::stride(arena.dim())
    }

    fn stride(dim: usize) -> usize {
        dim.next_multiple_of(if dim > 64 { 64 } else { 32 })
    }

    /// As [`of`](Self::of), in room for [`size`](Self::size) bytes.
    pub fn in_room(arena: &Arena, room: Room, control: &Control) -> Option<Self> {
        if arena.is_empty() || arena.is_plain() || arena.metric() == Metric::InnerProduct {
            return None;
        }
        let shadow = Self::any(arena, room, control);
        (shadow.error(arena, control) <= GOOD && !control.is_cancelled()).then_some(shadow)
    }

    fn any(arena: &Arena, mut room: Room, control: &Control) -> Self {
        let width = arena.dim();
        let sample: Vec<u32> = spread(arena.len(), SAMPLE).collect();
        let mut mean = vec![0f64; width];
        for row in &sample {
            mean.iter_mut().zip(arena.row(*row)).for_each(|(m, x)| *m += f64::from(*x));
        }
        mean.iter_mut().for_each(|m| *m /= sample.len() as f64);
        let mut reach: Vec<f32> = sample
            .iter()
            .flat_map(|row| mean.iter().zip(arena.row(*row)).map(|(m, x)| (x - *m as f32).abs()))
            .collect();
        let place = reach.len() - 1 - reach.len() * BEYOND / 1000;
        let reach = *reach.select_nth_unstable_by(place, f32::total_cmp).1;
        let step = if reach > 0.0 { reach / 127.0 } else { 1.0 };
        let stride = Self::stride(width);
        let rows = room.bytes_mut().par_chunks_exact_mut(stride).take(arena.len()).enumerate();
        rows.with_min_len(64).filter(|_| !control.is_cancelled()).for_each(|(i, codes)| {
            let row = arena.row(i as u32);
            for ((code, x), m) in codes.iter_mut().zip(row).zip(&mean) {
                // The cast keeps within 0 and 255.
                *code = ((x - *m as f32) / step + 128.0) as u8;
            }
        });
        Self { stride, len: arena.len(), codes: room, unit: step * step, kernel: kernel() }
    }

    /// How much the ratio of the distance here to the one in the arena varies, in parts of its mean, for pairs
    /// of near rows.
    fn error(&self, arena: &Arena, control: &Control) -> f64 {
        let probes: Vec<u32> = spread(arena.len(), PROBES).collect();
        let near = |probe: &u32| {
            // All rows, as a sample would not hold the nearest.
            let all = (0..arena.len() as u32).take_while(|_| !control.is_cancelled());
            let mut all: Vec<(f32, u32)> = all.map(|i| (self.between(*probe, i), i)).collect();
            if all.len() > NEAR {
                all.select_nth_unstable_by(NEAR, |a, b| a.0.total_cmp(&b.0));
                all.truncate(NEAR);
            }
            let distances = all.into_iter().map(|(here, i)| (here, arena.between(*probe, i)));
            let ratios = distances.filter(|(_, there)| *there > 0.0);
            ratios.map(|(here, there)| f64::from(here / there)).collect::<Vec<f64>>()
        };
        let ratios: Vec<f64> = probes.par_iter().flat_map_iter(near).collect();
        if ratios.is_empty() {
            return 0.0;
        }
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        let variance = ratios.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / ratios.len() as f64;
        if mean > 0.0 { variance.sqrt() / mean } else { f64::INFINITY }
    }

    #[inline]
    fn row(&self, node: u32) -> &[u8] {
        &self.codes.bytes()[node as usize * self.stride..][..self.stride]
    }
}

/// About `most` rows, spread evenly over an arena.
fn spread(rows: usize, most: usize) -> impl Iterator<Item = u32> {
    (0..rows).step_by(rows.div_ceil(most).max(1)).map(|i| i as u32)
}

impl Space for Shadow {
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn between(&self, a: u32, b: u32) -> f32 {
        // SAFETY: kernel() chose it for this CPU.
        self.unit * unsafe { (self.kernel)(self.row(a), self.row(b)) } as f32
    }

    #[inline]
    fn prefetch(&self, node: u32) {
        prefetch(self.row(node), AHEAD);
    }
}

fn kernel() -> Kernel {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        return avx2;
    }
    plain
}

/// Σ (a − b)² over pairs of bytes; the sum of 16,001 coordinates fits.
fn plain(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(x, y)| u32::from(x.abs_diff(*y)).pow(2)).sum()
}

/// As [`plain`], for slices of a multiple of 32 bytes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(a: &[u8], b: &[u8]) -> u32 {
    use std::arch::x86_64::*;
    let zero = _mm256_setzero_si256();
    let (mut low, mut high) = (zero, zero);
    for (a, b) in a.as_chunks::<32>().0.iter().zip(b.as_chunks::<32>().0) {
        // SAFETY: both are 32 bytes long.
        let (a, b) =
            unsafe { (_mm256_loadu_si256(a.as_ptr().cast()), _mm256_loadu_si256(b.as_ptr().cast())) };
        let gap = _mm256_or_si256(_mm256_subs_epu8(a, b), _mm256_subs_epu8(b, a));
        let (l, h) = (_mm256_unpacklo_epi8(gap, zero), _mm256_unpackhi_epi8(gap, zero));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(l, l));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(h, h));
    }
    let sum = _mm256_add_epi32(low, high);
    let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
    let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b01_00_11_10>(sum));
    let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b10_11_00_01>(sum));
    _mm_cvtsi128_si32(sum) as u32
}
