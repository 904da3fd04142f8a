//! The random numbers of a rotation: splitmix64, spelled out here because indexes on disk
//! depend on every bit of it, and a crate's generator may change.

/// The sequence of 64-bit words that belongs to a seed (Steele, Lea and Flood, "Fast Splittable
/// Pseudorandom Number Generators", OOPSLA 2014; the constants are Vigna's).
#[derive(Debug, Clone)]
pub(super) struct SplitMix64(u64);

impl SplitMix64 {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next word.
    pub(super) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A whole number whose distribution is the bell of Irwin and Hall: the sum of twelve 16-bit numbers,
    /// the quarters of three words, less its mean. No logarithm nor cosine, which differ between C libraries.
    pub(super) fn bell(&mut self) -> f64 {
        let mut sum = 0u32;
        for _ in 0..3 {
            let word = self.word();
            sum += [0, 16, 32, 48].iter().map(|shift| (word >> shift) as u32 & 0xffff).sum::<u32>();
        }
        f64::from(sum) - 393_210.0 // 12 · 65535 / 2
    }
}
