//! A query prepared for scanning batches of codes.

use super::dispatch::Line;
use super::{BATCH, Form, Kernels, Shape, kernels};

/// The distance from which the estimates of a node's neighbours start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Base {
    /// Exact distance from the query to the node: |q − c|², or −⟨q,c⟩.
    pub distance: f32,
    /// t, the weight of [`add`](super::Factors::add): 1 for L2, the result of [`scale`](scale()) for the inner product.
    pub scale: f32,
}

impl Base {
    /// The base for L2.
    pub fn l2(distance: f32) -> Self {
        Self { distance, scale: 1.0 }
    }

    /// The base for the inner product; see [`scale`](scale()).
    pub fn inner_product(distance: f32, norm_squared: f32) -> Self {
        Self { distance, scale: scale(distance, norm_squared) }
    }
}

/// The t for which t·c is nearest to the query, given `distance` −⟨q,c⟩ and |c|²; kept within ±4, and 1 if c is zero.
pub fn scale(distance: f32, norm_squared: f32) -> f32 {
    let t = -distance / norm_squared;
    if t.is_nan() { 1.0 } else { t.clamp(-4.0, 4.0) }
}

/// A query's tables: for each four coordinates, sixteen bytes with the sums of ±q, shifted and scaled.
///
/// All tables share one scale, the largest that makes every entry fit a byte. The rounding adds an error to
/// ⟨y,q⟩ of about 0.004 |q| for one bit (0.008 for 2, 0.04 for 4, 0.5 for 8). The codes themselves are off by
/// 0.3 to 0.4 |q − c|, so up to four bits the rounding does not matter unless |q − c| is far below |q|: a set of vectors
/// far from zero is best shifted to zero. With eight bits the rounding matters.
#[derive(Debug, Clone)]
pub struct Query {
    shape: Shape,
    lines: Vec<Line>,
    step: f32,
    floor: f32,
    kernels: &'static Kernels,
}

impl Query {
    /// Prepares a rotated query, of which the first `shape.dims()` coordinates count.
    ///
    /// # Panics
    /// If the query has fewer coordinates.
    pub fn new(shape: Shape, query: &[f32]) -> Self {
        Self::with_kernels(kernels(), shape, query)
    }

    /// As [`new`](Self::new), with a given variant, for tests and benchmarks.
    pub fn with_kernels(kernels: &'static Kernels, shape: Shape, query: &[f32]) -> Self {
        let lines = vec![Line([0; 64]); shape.dims() / 16];
        let mut new = Self { shape, lines, step: 0.0, floor: 0.0, kernels };
        new.set(query);
        new
    }

    /// Prepares another query, in the same memory.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn set(&mut self, query: &[f32]) {
        let query = &query[..self.shape.dims()];
        let (mut widest, mut total) = (0f32, 0f64);
        for q in query.chunks_exact(4) {
            let sum = (q[0].abs() + q[1].abs()) + (q[2].abs() + q[3].abs());
            widest = widest.max(sum);
            total += f64::from(sum);
        }
        let scale = 127.5 / widest;
        if scale.is_normal() {
            self.kernels.tables(query, scale, &mut self.lines);
            self.step = 0.5 / scale;
        } else {
            // All coordinates are zero, nearly zero, or so large that squares overflow.
            self.lines.fill(Line([0; 64]));
            self.step = 0.0;
        }
        self.floor = (-0.5 * f64::from(self.shape.top()) * total) as f32;
    }

    /// The shape of the codes that the query was prepared for.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// ⟨y,q⟩ of every code of a batch.
    ///
    /// # Panics
    /// If `codes` is shorter than [`Form::bytes`].
    pub fn products(&self, form: Form, codes: &[u8], out: &mut [f32; BATCH]) {
        let zero = [0.0; BATCH];
        self.estimate(form, codes, Base { distance: 0.0, scale: 0.0 }, &zero, &[1.0; BATCH], out);
    }

    /// Estimates the distances from the query to all 32 neighbours of a batch. Estimates of unused slots mean nothing.
    ///
    /// # Panics
    /// If `codes` is shorter than [`Form::bytes`].
    #[inline]
    pub fn estimate(
        &self,
        form: Form,
        codes: &[u8],
        base: Base,
        add: &[f32; BATCH],
        mul: &[f32; BATCH],
        out: &mut [f32; BATCH],
    ) {
        let mut sums = [0; BATCH];
        self.kernels.sums(form, self.shape, codes, &self.lines, &mut sums);
        let (product, base) = ((self.step, self.floor), (base.distance, base.scale));
        self.kernels.estimates(&sums, product, base, add, mul, out);
    }

    /// The integer sums, for comparing variants.
    #[cfg(test)]
    pub(super) fn sums(&self, form: Form, codes: &[u8]) -> [u32; BATCH] {
        let mut sums = [0; BATCH];
        self.kernels.sums(form, self.shape, codes, &self.lines, &mut sums);
        sums
    }

    /// The tables, for comparing variants.
    #[cfg(test)]
    pub(super) fn tables(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.0).collect()
    }
}
