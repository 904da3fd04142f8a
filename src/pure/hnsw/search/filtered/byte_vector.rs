//! Vectors in bytes, and what they say of distances: never more than the distance that SQL shows.
//!
//! With x = s c + e, c in bytes, a product with q is s ⟨q, c⟩ + ⟨q, e⟩, and the second part is at most |q| |e|, whatever the
//! vectors are. |e| is computed when x is rounded, so the bound needs nothing of how errors are distributed. All sums in `f32`, these and
//! SQL's, are off by no more than their number of steps allows.

use super::byte_product::kernels;
use crate::distance::metric::Metric;
use crate::distance::norm;
use crate::fault::Result;
use crate::hnsw::cosine_direction::LENGTHS;
use crate::memory::allocation::filled;

/// Vectors take a multiple of so many bytes, so that no kernel has a remainder.
const STEP: usize = 16;
/// The largest byte.
const MAX: f32 = 127.0;
/// 1.5 · 2²³: a sum with a number of at most 2²² is rounded to a whole number, whose two's complement is in the lowest bits.
const WHOLE: f32 = 12_582_912.0;
/// Error of any distance: squares of smaller numbers are zero in `f32`.
const TINY: f64 = 1e-20;

/// Bytes of a vector of `dim` dimensions.
pub fn bytes(dim: usize) -> usize {
    dim.next_multiple_of(STEP)
}

/// What a vector in bytes needs beside them: the vector is `scale` times the bytes, and an error.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rounding {
    scale: f32,
    /// The length of the rounded vector.
    norm: f32,
    /// A bound of the error's length.
    error: f32,
}

/// Rounds a vector, or its direction under the cosine, to as many bytes as [`bytes`] says; they were zero. None if sums over
/// the vector may overflow or vanish in `f32`, or if there are no bounds under the metric.
pub fn round(metric: Metric, vector: &[f32], out: &mut [i8]) -> Option<Rounding> {
    let length = norm(vector);
    if !is_bounded(metric) || !LENGTHS.contains(&length) {
        return None;
    }
    let factor = if metric == Metric::Cosine { 1.0 / length } else { 1.0 };
    let largest = vector.iter().fold(0f32, |m, x| m.max(x.abs()));
    let scale = (f64::from(largest) * factor / f64::from(MAX)) as f32;
    let to_bytes = (factor / f64::from(scale)) as f32;
    let (mut error, mut squares) = (0.0, 0.0);
    for (out, x) in out.iter_mut().zip(vector) {
        // Whatever byte is taken, the error is that of this byte.
        let whole = (x * to_bytes).clamp(-MAX, MAX) + WHOLE;
        *out = whole.to_bits() as u8 as i8;
        let rounded = f64::from(scale) * f64::from(whole - WHOLE);
        error += (f64::from(*x) * factor - rounded).powi(2);
        squares += rounded * rounded;
    }
    // Sums in f64 are off by 1e-12 at most.
    let error = error.sqrt() * (1.0 + 1e-6) + 1e-12 * length * factor;
    Some(Rounding { scale, norm: squares.sqrt() as f32, error: error as f32 })
}

/// Whether there are bounds of a metric's distances.
pub fn is_bounded(metric: Metric) -> bool {
    matches!(metric, Metric::L2 | Metric::InnerProduct | Metric::Cosine)
}

/// A query that is compared with vectors in bytes.
#[derive(Debug)]
pub struct ByteQuery {
    metric: Metric,
    elements: Vec<f32>,
    length: f64,
    /// Relative error of a sum of products in `f32`, of that of two vectors' lengths.
    off: f64,
}

impl ByteQuery {
    /// None if sums over the query may overflow or vanish in `f32`, or if there are no bounds under the metric.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn new(metric: Metric, query: &[f32]) -> Result<Option<Self>> {
        let length = norm(query);
        if !is_bounded(metric) || !LENGTHS.contains(&length) {
            return Ok(None);
        }
        let mut elements = filled(0.0, bytes(query.len()))?;
        elements[..query.len()].copy_from_slice(query);
        // A kernel has eight sums at least, each of which is rounded once or twice a step, and then adds them up: twice that.
        let off = (query.len() as f64 / 8.0 + 16.0) * f64::from(f32::EPSILON);
        Ok(Some(Self { metric, elements, length, off }))
    }

    /// A lower bound of the distance from a vector that was rounded under the same metric, as SQL shows it.
    #[inline]
    pub fn floor(&self, vector: &[i8], rounding: Rounding) -> f64 {
        self.bound(kernels().product(&self.elements, vector), rounding)
    }

    /// The bound by a kernel's product.
    #[inline]
    fn bound(&self, product: f32, rounding: Rounding) -> f64 {
        let Self { metric, length, off, .. } = self;
        let product = f64::from(rounding.scale) * f64::from(product);
        let (norm, error) = (f64::from(rounding.norm), f64::from(rounding.error));
        match metric {
            Metric::L2 => {
                let squared = length * length + norm * norm - 2.0 * product - off * (length + norm).powi(2);
                ((squared.max(0.0).sqrt() - error) * (1.0 - off) - TINY).max(0.0)
            }
            Metric::Cosine => {
                // The norm of the direction is at most 1 + error.
                let cosine = product / length + error + 4.0 * off * (1.0 + error);
                (1.0 - cosine).clamp(0.0, 2.0)
            }
            _ => -product - length * error - off * length * (2.0 * norm + error) - TINY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::byte_product::variants;
    use super::*;
    use crate::distance;
    use half::f16;
    use proptest::prelude::*;

    const METRICS: [Metric; 3] = [Metric::L2, Metric::InnerProduct, Metric::Cosine];

    fn shown(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
        match metric {
            Metric::L2 => f64::from(distance::l2_squared(a, b)).sqrt(),
            Metric::InnerProduct => f64::from(-distance::inner_product(a, b)),
            _ => 1.0 - distance::cosine_similarity(a, b),
        }
    }

    /// The same in `f16`, where all elements are ones.
    fn shown_halves(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
        let halves = |x: &[f32]| -> Vec<f16> { x.iter().map(|x| f16::from_f32(*x)).collect() };
        let (a, b) = (halves(a), halves(b));
        match metric {
            Metric::L2 => f64::from(distance::l2_squared(&a, &b)).sqrt(),
            Metric::InnerProduct => f64::from(-distance::inner_product(&a, &b)),
            _ => 1.0 - distance::cosine_similarity(&a, &b),
        }
    }

    /// The bound, if there is one.
    fn floor(metric: Metric, query: &[f32], vector: &[f32]) -> Option<f64> {
        let mut out = vec![0; bytes(vector.len())];
        let rounding = round(metric, vector, &mut out)?;
        Some(ByteQuery::new(metric, query).unwrap()?.floor(&out, rounding))
    }

    /// Vectors of all sizes: even, with few large elements, far from zero.
    fn vector(n: usize) -> impl Strategy<Value = Vec<f32>> {
        let element = prop_oneof![
            8 => -1.0..1.0f32,
            1 => (-1.0..1.0f32).prop_map(|x| 30.0 * x),
            1 => Just(0.0f32),
        ];
        let shift = prop_oneof![2 => Just(0.0f32), 1 => -100.0..100.0f32];
        (prop::collection::vec(element, n), shift, -48..56i32).prop_map(|(x, shift, exponent)| {
            x.into_iter().map(|x| (x + shift) * (exponent as f32).exp2()).collect()
        })
    }

    /// Two vectors, of which the second may be near the first, or a multiple of it.
    fn pair() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        let n = if cfg!(miri) { 1..40usize } else { 1..900 };
        let near = prop_oneof![Just(None), (-12..0i32, -3.0..3.0f32).prop_map(Some)];
        n.prop_flat_map(move |n| (vector(n), vector(n), near.clone())).prop_map(|(a, b, near)| match near {
            None => (a, b),
            Some((exponent, factor)) => {
                let size = (norm(&a) / norm(&b).max(1e-30)) as f32 * (exponent as f32 * 2.0).exp2();
                let b = a.iter().zip(&b).map(|(x, y)| (x + y * size) * factor).collect();
                (a, b)
            }
        })
    }

    /// Two vectors of up to as many dimensions as there are, of few different elements, of all lengths that have bounds and beyond.
    fn even_pair() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        let elements = prop::collection::vec((-3.0..3.0f32, -3.0..3.0f32), 1..4);
        let dim = if cfg!(miri) { 1..40usize } else { 1..16_000 };
        (elements, dim, -60..62i32, prop_oneof![Just(0), -60..62i32]).prop_map(|(few, dim, size, apart)| {
            let [size, other] = [size, (size + apart).clamp(-60, 62)].map(|e| (e as f32).exp2());
            (0..dim).map(|i| few[i % few.len()]).map(|(x, y)| (x * size, y * other)).unzip()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 4 } else { 2000 }, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn no_distance_is_below((query, vector) in pair()) {
            for metric in METRICS {
                if let Some(floor) = floor(metric, &query, &vector) {
                    let shown = shown(metric, &query, &vector);
                    prop_assert!(floor <= shown, "{metric:?}: {floor} {shown}");
                }
                // What SQL rounds, it has rounded before.
                let [query, vector] = [&query, &vector].map(|x| -> Vec<f32> {
                    x.iter().map(|x| f16::from_f32(*x).to_f32()).collect()
                });
                if query.iter().chain(&vector).all(|x| x.is_finite())
                    && let Some(floor) = floor(metric, &query, &vector)
                {
                    let shown = shown_halves(metric, &query, &vector);
                    prop_assert!(floor <= shown, "{metric:?} of halves: {floor} {shown}");
                }
            }
        }

        /// Bounds say something: each is off by no more than bytes make it.
        #[test]
        fn bounds_are_near((query, vector) in (prop::collection::vec(-1.0..1.0f32, 300), prop::collection::vec(-1.0..1.0f32, 300))) {
            for metric in METRICS {
                let (floor, shown) = (floor(metric, &query, &vector).unwrap(), shown(metric, &query, &vector));
                let length = if metric == Metric::Cosine { 1.0 } else { norm(&vector) };
                let error = f64::from(round(metric, &vector, &mut vec![0; bytes(300)]).unwrap().error);
                // In root mean square, elements are off by 0.29 of a 127th of the largest, which is √3 times theirs: 0.004 of the length.
                prop_assert!(error < 0.005 * length, "{metric:?}: {error} of {length}");
                let factor = if metric == Metric::InnerProduct { norm(&query) } else { 1.0 };
                // The error is subtracted, and in the worst case has made the distance smaller before.
                prop_assert!(shown - floor < factor * (2.0 * error + 1e-4 * length), "{metric:?}: {floor} {shown}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 4 } else { 250 }, failure_persistence: None, ..ProptestConfig::default()
        })]

        /// Whatever the kernels of SQL and of bytes, and where roundings of sums do not cancel out.
        #[test]
        fn no_distance_is_below_with_any_kernels((query, vector) in even_pair()) {
            for metric in METRICS {
                let mut out = vec![0; bytes(vector.len())];
                let (Some(rounding), Some(of)) =
                    (round(metric, &vector, &mut out), ByteQuery::new(metric, &query).unwrap())
                else {
                    continue;
                };
                let floors = variants().into_iter().map(|k| of.bound(k.product(&of.elements, &out), rounding));
                let floor = floors.fold(f64::NEG_INFINITY, f64::max);
                for kernels in distance::variants::<f32>() {
                    let shown = match metric {
                        Metric::L2 => f64::from(kernels.l2_squared(&query, &vector)).sqrt(),
                        Metric::InnerProduct => f64::from(-kernels.inner_product(&query, &vector)),
                        _ => 1.0 - kernels.cosine_similarity(&query, &vector),
                    };
                    prop_assert!(floor <= shown, "{metric:?}, {}: {floor} {shown}", kernels.name());
                }
            }
        }
    }

    #[test]
    fn what_has_no_bound() {
        let ones = [1.0f32; 5];
        for metric in METRICS {
            assert!(floor(metric, &ones, &ones).is_some());
            for odd in [0.0, 1e-17, 1e18, f32::MAX] {
                assert!(
                    floor(metric, &[odd; 5], &ones).is_none() && floor(metric, &ones, &[odd; 5]).is_none()
                );
            }
        }
        for metric in [Metric::L1, Metric::Hamming, Metric::Jaccard] {
            assert!(
                floor(metric, &ones, &ones).is_none() && ByteQuery::new(metric, &ones).unwrap().is_none()
            );
        }
    }
}
