//! Numbers that look random, from which tests and benchmarks draw their data: the same numbers from the same seed.

/// A linear congruential generator with Knuth's multiplier.
pub struct Noise(pub u64);

impl Noise {
    /// A number from 0 to below 1.
    pub fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 24) as f32
    }

    /// A number of nearly normal distribution.
    pub fn normal(&mut self) -> f32 {
        (0..6).map(|_| self.uniform()).sum::<f32>() * 1.414 - 4.243
    }

    /// `n` numbers of nearly normal distribution.
    pub fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal()).collect()
    }
}
