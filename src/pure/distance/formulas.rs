//! The metrics, each written once over [`Lanes`], and the one loop that runs all metrics.
#![allow(unsafe_code)]

use crate::simd::registers::{Lanes, Load};

/// A sum over pairs of elements.
pub(crate) trait Metric: Copy {
    /// An accumulator.
    type Acc<L: Lanes>: Copy;
    /// The result.
    type Out;

    /// An empty accumulator.
    fn start<L: Lanes>(l: L) -> Self::Acc<L>;
    /// Adds one more register of elements from each side. A pair of zeros must add nothing.
    fn step<L: Lanes>(self, l: L, s: Self::Acc<L>, x: L::V, y: L::V) -> Self::Acc<L>;
    /// The sum of two accumulators.
    fn join<L: Lanes>(l: L, s: Self::Acc<L>, t: Self::Acc<L>) -> Self::Acc<L>;
    /// The result from the last accumulator.
    fn finish<L: Lanes>(l: L, s: Self::Acc<L>) -> Self::Out;
}

/// Runs a metric over two slices, of the same element or not, up to the end of the shorter one, with `K` independent
/// accumulators (a power of two) so that the next sum need not wait for the last. The remainder takes whole registers and
/// at last a partly filled one; there is no scalar tail.
///
/// The order of the sum depends on the lengths only. Starting with a short step up to an aligned address
/// would save up to a third on unaligned data, but then the last bit of a result would depend on the address
/// of a value, which a function that SQL takes for immutable must not do. Callers that choose
/// the address of a long-lived vector (a query) get half of the gain by aligning it to 64 bytes.
///
/// # Safety
/// The CPU must have the instructions of `L`.
#[inline(always)]
pub(crate) unsafe fn fold<M: Metric, A, B, L: Load<A> + Load<B>, const K: usize>(
    metric: M,
    a: &[A],
    b: &[B],
) -> M::Out {
    const { assert!(K.is_power_of_two()) };
    // SAFETY: the caller vouches for the instructions.
    let l = unsafe { L::new() };
    let n = a.len().min(b.len());
    let (a, b) = (a.as_ptr(), b.as_ptr());
    let mut acc = [M::start(l); K];
    let mut i = 0;
    while n - i >= K * L::N {
        for (k, s) in acc.iter_mut().enumerate() {
            // SAFETY: i + K * N <= n, the length of the shorter slice.
            let (x, y) = unsafe { (l.load(a.add(i + k * L::N)), l.load(b.add(i + k * L::N))) };
            *s = metric.step(l, *s, x, y);
        }
        i += K * L::N;
    }
    for s in acc.iter_mut() {
        if n - i < L::N {
            break;
        }
        // SAFETY: i + N <= n.
        let (x, y) = unsafe { (l.load(a.add(i)), l.load(b.add(i))) };
        *s = metric.step(l, *s, x, y);
        i += L::N;
    }
    if i < n {
        // SAFETY: i + (n - i) = n; 0 < n - i < N, else the loops above had gone on.
        let (x, y) = unsafe { (l.load_part(a.add(i), n - i), l.load_part(b.add(i), n - i)) };
        acc[K - 1] = metric.step(l, acc[K - 1], x, y);
    }
    let mut half = K / 2;
    while half > 0 {
        for k in 0..half {
            acc[k] = M::join(l, acc[k], acc[k + half]);
        }
        half /= 2;
    }
    M::finish(l, acc[0])
}

/// Σ (x − y)²
#[derive(Clone, Copy)]
pub(crate) struct L2Squared;

impl Metric for L2Squared {
    type Acc<L: Lanes> = L::V;
    type Out = f32;

    #[inline(always)]
    fn start<L: Lanes>(l: L) -> L::V {
        l.zero()
    }
    #[inline(always)]
    fn step<L: Lanes>(self, l: L, s: L::V, x: L::V, y: L::V) -> L::V {
        let d = l.sub(x, y);
        l.mul_add(d, d, s)
    }
    #[inline(always)]
    fn join<L: Lanes>(l: L, s: L::V, t: L::V) -> L::V {
        l.add(s, t)
    }
    #[inline(always)]
    fn finish<L: Lanes>(l: L, s: L::V) -> f32 {
        l.sum(s)
    }
}

/// Σ x·y
#[derive(Clone, Copy)]
pub(crate) struct InnerProduct;

impl Metric for InnerProduct {
    type Acc<L: Lanes> = L::V;
    type Out = f32;

    #[inline(always)]
    fn start<L: Lanes>(l: L) -> L::V {
        l.zero()
    }
    #[inline(always)]
    fn step<L: Lanes>(self, l: L, s: L::V, x: L::V, y: L::V) -> L::V {
        l.mul_add(x, y, s)
    }
    #[inline(always)]
    fn join<L: Lanes>(l: L, s: L::V, t: L::V) -> L::V {
        l.add(s, t)
    }
    #[inline(always)]
    fn finish<L: Lanes>(l: L, s: L::V) -> f32 {
        l.sum(s)
    }
}

/// Σ |x − y|
#[derive(Clone, Copy)]
pub(crate) struct L1;

impl Metric for L1 {
    type Acc<L: Lanes> = L::V;
    type Out = f32;

    #[inline(always)]
    fn start<L: Lanes>(l: L) -> L::V {
        l.zero()
    }
    #[inline(always)]
    fn step<L: Lanes>(self, l: L, s: L::V, x: L::V, y: L::V) -> L::V {
        l.add(s, l.abs(l.sub(x, y)))
    }
    #[inline(always)]
    fn join<L: Lanes>(l: L, s: L::V, t: L::V) -> L::V {
        l.add(s, t)
    }
    #[inline(always)]
    fn finish<L: Lanes>(l: L, s: L::V) -> f32 {
        l.sum(s)
    }
}

/// The three sums of the cosine: Σ x·y, Σ x², Σ y².
#[derive(Clone, Copy)]
pub(crate) struct CosineSums;

impl Metric for CosineSums {
    type Acc<L: Lanes> = (L::V, L::V, L::V);
    type Out = (f32, f32, f32);

    #[inline(always)]
    fn start<L: Lanes>(l: L) -> Self::Acc<L> {
        (l.zero(), l.zero(), l.zero())
    }
    #[inline(always)]
    fn step<L: Lanes>(self, l: L, s: Self::Acc<L>, x: L::V, y: L::V) -> Self::Acc<L> {
        (l.mul_add(x, y, s.0), l.mul_add(x, x, s.1), l.mul_add(y, y, s.2))
    }
    #[inline(always)]
    fn join<L: Lanes>(l: L, s: Self::Acc<L>, t: Self::Acc<L>) -> Self::Acc<L> {
        (l.add(s.0, t.0), l.add(s.1, t.1), l.add(s.2, t.2))
    }
    #[inline(always)]
    fn finish<L: Lanes>(l: L, s: Self::Acc<L>) -> Self::Out {
        (l.sum(s.0), l.sum(s.1), l.sum(s.2))
    }
}

/// Σ x² in `f64`; y is ignored.
#[derive(Clone, Copy)]
pub(crate) struct NormSquared;

impl Metric for NormSquared {
    type Acc<L: Lanes> = L::W;
    type Out = f64;

    #[inline(always)]
    fn start<L: Lanes>(l: L) -> L::W {
        l.wide_zero()
    }
    #[inline(always)]
    fn step<L: Lanes>(self, l: L, s: L::W, x: L::V, _: L::V) -> L::W {
        l.wide_square_add(x, s)
    }
    #[inline(always)]
    fn join<L: Lanes>(l: L, s: L::W, t: L::W) -> L::W {
        l.wide_add(s, t)
    }
    #[inline(always)]
    fn finish<L: Lanes>(l: L, s: L::W) -> f64 {
        l.wide_sum(s)
    }
}
