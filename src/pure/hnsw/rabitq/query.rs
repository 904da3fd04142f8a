//! A query made ready for scanning blocks of codes.

use super::dispatch::Line;
use super::{BATCH, Form, Kernels, Shape, kernels};

/// Where a block's estimates start from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Base {
    /// Exact distance from the query to the node: |q − c|², or −⟨q,c⟩.
    pub distance: f32,
    /// Weight of [`add`](super::Factors::add): 1 for L2, [`anchor`]'s for the inner product.
    pub scale: f32,
}

impl Base {
    /// For L2.
    pub fn l2(distance: f32) -> Self {
        Self { distance, scale: 1.0 }
    }

    /// For the inner product; see [`anchor`].
    pub fn inner_product(distance: f32, norm_squared: f32) -> Self {
        Self { distance, scale: scale(distance, norm_squared) }
    }
}

/// The t for which t·c is nearest to the query, given `distance` −⟨q,c⟩ and |c|²; kept within ±4, and 1 for
/// a node at the origin.
pub fn scale(distance: f32, norm_squared: f32) -> f32 {
    let t = -distance / norm_squared;
    if t.is_nan() { 1.0 } else { t.clamp(-4.0, 4.0) }
}

/// A query's tables: for each four coordinates, sixteen bytes with the sums of ±q, shifted and scaled.
///
/// All of them share one scale, the largest that makes every entry fit a byte. The rounding adds an error to
/// ⟨y,q⟩ of about 0.004 |q| for one bit (0.008 for 2, 0.04 for 4, 0.5 for 8). The codes themselves are off by
/// 0.3 to 0.4 |q − c|, so up to four bits it does not matter unless |q − c| is far below |q|: a set of vectors
/// that lies far from the origin is best shifted there. With eight bits it does.
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
    /// If it has fewer.
    pub fn new(shape: Shape, query: &[f32]) -> Self {
        Self::with_kernels(kernels(), shape, query)
    }

    /// [`new`](Self::new) with a variant of one's choice, for tests and benchmarks.
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
            // Nothing but zeros (or next to them, or values whose squares overflow).
            self.lines.fill(Line([0; 64]));
            self.step = 0.0;
        }
        self.floor = (-0.5 * f64::from(self.shape.top()) * total) as f32;
    }

    /// What it was prepared for.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// ⟨y,q⟩ of every lane of a block.
    ///
    /// # Panics
    /// If `block` is shorter than [`Form::bytes`].
    pub fn products(&self, form: Form, codes: &[u8], out: &mut [f32; BATCH]) {
        let zero = [0.0; BATCH];
        self.estimate(form, codes, Base { distance: 0.0, scale: 0.0 }, &zero, &[1.0; BATCH], out);
    }

    /// Estimates the distances from the query to all 32 neighbours of a node, unused lanes included: what
    /// comes out for those is nobody's business.
    ///
    /// # Panics
    /// If `block` is shorter than [`Form::bytes`].
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

    /// The sums themselves, for comparing variants.
    #[cfg(test)]
    pub(super) fn sums(&self, form: Form, codes: &[u8]) -> [u32; BATCH] {
        let mut sums = [0; BATCH];
        self.kernels.sums(form, self.shape, codes, &self.lines, &mut sums);
        sums
    }

    /// The tables themselves.
    #[cfg(test)]
    pub(super) fn tables(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.0).collect()
    }
}
