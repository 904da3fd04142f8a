//! Vectors in bytes: a quarter of the memory to go through, which is what a construction spends its time on.
#![allow(unsafe_code)]

use super::prefetch::prefetch;
use super::rows::{Arena, Space};

/// Codes of 8 bits for each coordinate of each row of an arena, in equal steps around the mean of the
/// coordinate. The distance is that between codes.
#[derive(Debug)]
pub struct Shadow {
    stride: usize,
    len: usize,
    codes: Vec<u8>,
    /// Where the first cache line starts.
    start: usize,
    /// Squared size of a step.
    unit: f32,
    kernel: Kernel,
}

/// A function from [`kernel`], so the CPU can run it.
type Kernel = unsafe fn(&[u8], &[u8]) -> u32;

/// Rows that are looked at to choose the steps and to judge the result.
const SAMPLE: usize = 4096;
/// Rows of the sample whose neighbours are compared.
const PROBES: usize = 64;
/// Of 1,000 coordinates, at most so many are beyond the codes.
const BEYOND: usize = 1;
/// Standard error of distances between near rows that is still good, relative to the distance.
const GOOD: f64 = 0.03;

impl Shadow {
    /// The shadow of an arena, or none if the codes tell near rows badly apart: if the rows lie in clumps
    /// much smaller than the distances between those, say, or if few coordinates are much larger than the
    /// others.
    pub fn of(arena: &Arena) -> Option<Self> {
        let shadow = Self::any(arena);
        (shadow.error(arena) <= GOOD).then_some(shadow)
    }

    fn any(arena: &Arena) -> Self {
        let width = arena.row(0).len().min(arena.dim() + 1);
        let sample: Vec<u32> = sample(arena.len());
        let mut mean = vec![0f64; width];
        for row in &sample {
            mean.iter_mut().zip(arena.row(*row)).for_each(|(m, x)| *m += f64::from(*x));
        }
        mean.iter_mut().for_each(|m| *m /= sample.len() as f64);
        let mut reach: Vec<f32> = sample
            .iter()
            .step_by(sample.len().div_ceil(1024))
            .flat_map(|row| mean.iter().zip(arena.row(*row)).map(|(m, x)| (x - *m as f32).abs()))
            .collect();
        let place = reach.len() - 1 - reach.len() * BEYOND / 1000;
        let reach = *reach.select_nth_unstable_by(place, f32::total_cmp).1;
        let step = if reach > 0.0 { reach / 127.0 } else { 1.0 };
        let stride = width.next_multiple_of(if width > 64 { 64 } else { 32 });
        let mut codes = Vec::<u8>::with_capacity(arena.len() * stride + 64);
        let start = codes.as_ptr().align_offset(64).min(64);
        codes.resize(start, 0);
        for i in 0..arena.len() {
            // The cast keeps within 0 and 255.
            codes.extend(mean.iter().zip(arena.row(i as u32)).map(|(m, x)| ((x - *m as f32) / step + 128.0) as u8));
            codes.resize(start + (i + 1) * stride, 0);
        }
        Self { stride, len: arena.len(), codes, start, unit: step * step, kernel: kernel() }
    }

    /// Root mean square of the relative error of distances to the nearest of the sample, after the mean.
    fn error(&self, arena: &Arena) -> f64 {
        let sample = sample(arena.len());
        let mut errors = Vec::with_capacity(PROBES);
        for probe in sample.iter().step_by(sample.len().div_ceil(PROBES)) {
            let mut near: Vec<(f32, u32)> =
                sample.iter().filter(|i| *i != probe).map(|i| (arena.between(*probe, *i), *i)).collect();
            near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            errors.extend(near.iter().take(10).filter(|(d, _)| *d > 0.0).map(|(d, i)| f64::from(self.between(*probe, *i) / d) - 1.0));
        }
        let n = errors.len().max(1) as f64;
        let mean = errors.iter().sum::<f64>() / n;
        let e = (errors.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / n).sqrt();
        if std::env::var("V").is_ok() { eprintln!("shadow error {e} bias {mean}"); }
        e
    }

    #[inline]
    fn row(&self, node: u32) -> &[u8] {
        &self.codes[self.start + node as usize * self.stride..][..self.stride]
    }
}

/// Rows spread evenly over an arena.
fn sample(len: usize) -> Vec<u32> {
    (0..len).step_by(len.div_ceil(SAMPLE).max(1)).map(|i| i as u32).collect()
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
        prefetch(self.row(node));
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
        let (a, b) = unsafe { (_mm256_loadu_si256(a.as_ptr().cast()), _mm256_loadu_si256(b.as_ptr().cast())) };
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
