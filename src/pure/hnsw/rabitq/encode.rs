//! Making a code: levels, bit planes, factors.

use super::{Factors, Shape};
use crate::distance::inner_product;

/// The distance that the factors estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Squared Euclidean distance; on unit vectors, twice the cosine distance.
    L2,
    /// Negative inner product.
    InnerProduct,
}

/// Steps between levels that are tried, as multiples of the root mean square of the coded coordinates: around the best
/// step for a normal distribution.
const STEPS_2: [f32; 5] = [0.8, 0.9, 1.0, 1.1, 1.2];
const STEPS_4: [f32; 5] = [0.26, 0.3, 0.335, 0.37, 0.42];
/// The steps for 8 bits, as fractions of the step at which the largest coordinate gets the last level.
const STEPS_8: [f32; 3] = [0.7, 0.85, 1.0];

/// Added to a number below 2^22, `ROUND` leaves no bits below 1; rounding by a cast would need checks.
const ROUND: f32 = 8_388_608.0;

/// Codes neighbours; an encoder keeps its memory from one neighbour to the next.
#[derive(Debug)]
pub struct Encoder {
    shape: Shape,
    target: Target,
    residual: Vec<f32>,
    /// y: the levels, minus the middle level.
    centred: Vec<f32>,
    trial: Vec<f32>,
}

impl Encoder {
    /// An encoder for codes of one shape and one distance.
    pub fn new(shape: Shape, target: Target) -> Self {
        let centred = vec![0.0; shape.dims()];
        Self { shape, target, residual: vec![], trial: centred.clone(), centred }
    }

    /// Codes `neighbour` relative to `node`, both rotated and of the same length, at least `shape.dims()`.
    /// `node` is decoded from its stored form, as a scan will read it. Writes the code as a row (see
    /// [`Form`](super::Form)), which the caller puts into its place.
    ///
    /// A neighbour that equals the node, or lies in directions that are not coded, or so far away that squares
    /// overflow, gets `mul` 0: its estimate does not depend on the code.
    ///
    /// # Panics
    /// If a length is wrong.
    pub fn encode(&mut self, node: &[f32], neighbour: &[f32], row: &mut [u8]) -> Factors {
        let dims = self.shape.dims();
        assert!(node.len() == neighbour.len() && node.len() >= dims, "lengths of a code's vectors");
        self.residual.clear();
        self.residual.extend(neighbour.iter().zip(node).map(|(o, c)| o - c));
        self.quantise();
        self.pack(row);

        let r = &self.residual[..];
        let rr = inner_product(r, r);
        let rc = if self.target == Target::InnerProduct { inner_product(r, node) } else { 0.0 };
        let yr = inner_product(&self.centred, &r[..dims]);
        // The nearest levels make a sharp angle with r, so ⟨y,r⟩ is 0 only if the coded part of r is.
        let s = if yr > 0.0 { rr / yr } else { 0.0 };
        let b = s * inner_product(&self.centred, &node[..dims]);
        let with = |s: f32, b: f32| match self.target {
            Target::L2 => Factors { add: rr + 2.0 * b, mul: -2.0 * s },
            Target::InnerProduct => Factors { add: b - rc, mul: -s },
        };
        let (coded, uncoded) = (with(s, b), with(0.0, 0.0));
        let finite = |f: Factors| f.add.is_finite() && f.mul.is_finite();
        // A coded part of less than a thousandth of the residual's length says nothing about the rest.
        let seen = inner_product(&r[..dims], &r[..dims]) > 1e-6 * rr;
        if seen && finite(coded) {
            coded
        } else if finite(uncoded) {
            uncoded
        } else {
            Factors::default()
        }
    }

    /// Chooses the levels.
    fn quantise(&mut self) {
        let r = &self.residual[..self.shape.dims()];
        let half = self.shape.top() / 2.0;
        let root = (inner_product(r, r) / r.len() as f32).sqrt();
        let largest = || r.iter().fold(0f32, |m, x| m.max(x.abs()));
        let (unit, steps): (f32, &[f32]) = match self.shape.bits() {
            1 => (1.0, &[]),
            2 => (root, &STEPS_2),
            4 => (root, &STEPS_4),
            _ => (largest() / half, &STEPS_8),
        };
        if self.shape.bits() == 1 {
            for (y, x) in self.centred.iter_mut().zip(r) {
                *y = if *x < 0.0 { -0.5 } else { 0.5 };
            }
            return;
        }
        let mut best = -1.0;
        for step in steps {
            let scale = 1.0 / (unit * step);
            if !scale.is_normal() {
                continue;
            }
            for (y, x) in self.trial.iter_mut().zip(r) {
                // The nearest level; 0 lies between two levels and gets the upper one.
                *y = ((x * scale + half).clamp(0.0, 2.0 * half) + ROUND) - ROUND - half;
            }
            let (yr, yy) = (inner_product(&self.trial, r), inner_product(&self.trial, &self.trial));
            let cosine = yr / yy.sqrt();
            if cosine > best {
                best = cosine;
                std::mem::swap(&mut self.trial, &mut self.centred);
            }
        }
        if best < 0.0 {
            self.centred.fill(-half);
        }
    }

    /// Writes the bit planes of the levels.
    fn pack(&self, row: &mut [u8]) {
        assert_eq!(row.len(), self.shape.code_bytes(), "length of a code");
        let half = self.shape.top() / 2.0;
        let planes = self.shape.plane_bytes();
        for (i, y) in self.centred.chunks_exact(8).enumerate() {
            // The sum has no bits below 1: its low byte is the level.
            let levels: [u8; 8] = std::array::from_fn(|k| (y[k] + half + ROUND).to_bits() as u8);
            let levels = u64::from_le_bytes(levels);
            for plane in 0..self.shape.bits() {
                // Bit 8 k times 2^(56 - 7 k) is bit 56 + k; the other products fall elsewhere.
                let bits = levels >> plane & 0x0101_0101_0101_0101;
                row[plane * planes + i] = (bits.wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
            }
        }
    }
}
