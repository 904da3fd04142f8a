//! The rotation in O(d log d), for more dimensions.

use super::dispatch::Kernels;
use super::generator::SplitMix64;

const ROUNDS: usize = 4;

/// Four rounds of signs, with their scales: `ROUNDS` times `n` factors.
#[derive(Debug, Clone)]
pub(super) struct Kac {
    n: usize,
    /// The largest power of two that is not above `n`.
    power: usize,
    factors: Vec<f32>,
}

impl Kac {
    pub(super) fn new(n: usize, seed: u64) -> Self {
        let power = 1 << n.ilog2();
        let scale = (1.0 / power as f32).sqrt();
        let mut random = SplitMix64::new(seed);
        let mut factors = Vec::with_capacity(ROUNDS * n);
        for round in 0..ROUNDS {
            let transformed = Self::start(n, power, round)..Self::start(n, power, round) + power;
            let all = if power < n && round == 0 { 0.5 } else { 1.0 };
            let mut word = 0;
            for i in 0..n {
                if i % 64 == 0 {
                    word = random.word();
                }
                let factor = if transformed.contains(&i) { all * scale } else { all };
                factors.push(if word >> (i % 64) & 1 == 1 { -factor } else { factor });
            }
        }
        Self { n, power, factors }
    }

    fn start(n: usize, power: usize, round: usize) -> usize {
        if round.is_multiple_of(2) { 0 } else { n - power }
    }

    /// Rotates `x`, of `n` elements, in place.
    pub(super) fn apply(&self, kernels: &Kernels, x: &mut [f32]) {
        for (round, factors) in self.factors.chunks_exact(self.n).enumerate() {
            kernels.scale(factors, x);
            let start = Self::start(self.n, self.power, round);
            kernels.walsh_hadamard(&mut x[start..start + self.power]);
            if self.power < self.n && round % 2 == 1 {
                kernels.halves(x);
            }
        }
    }
}
