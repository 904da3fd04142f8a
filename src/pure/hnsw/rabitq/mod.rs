//! Codes of neighbours: a node record tells in a few bits a coordinate where each of its neighbours lies,
//! so that one look at the node record estimates the distances from a query to all neighbours.
//!
//! After RaBitQ (Gao and Long, SIGMOD 2024; more than one bit: Gao et al., SIGMOD 2025) and SymphonyQG (Gou,
//! Gao, Xu and Long, SIGMOD 2025), which codes the neighbours relative to the node and scans all codes at once.
//!
//! Everything here lies in rotated space (see [`rotation`](crate::hnsw::rotation)). Let c be the node as stored (so
//! after rounding), o a neighbour, r = o − c, and d the number of coded dimensions, the first ones. A code holds a level
//! u in 0..2^B for each coded dimension and stands for y = u − (2^B − 1)/2. With
//!
//! ```text
//! s = |r|² / ⟨y,r⟩      b = s ⟨y,c⟩                               (⟨y,·⟩ over the first d)
//! L2:  add = |r|² + 2b         mul = −2s
//! IP:  add = −⟨r,c⟩ + b        mul = −s
//! ```
//!
//! and D the exact distance from the query q to c (|q−c|², or −⟨q,c⟩), the estimate for o is
//!
//! ```text
//! D + t · add + mul · ⟨y,q⟩
//! ```
//!
//! with t = 1 for L2, which replaces ⟨r, q−c⟩ by s ⟨y, q−c⟩: exact where q − c is parallel to r and all is
//! coded, unbiased over random rotations, with a standard deviation of about
//! |r| |q−c| √((π/2)/d − 1/n) for one bit and n dimensions. For the inner product the query is not near c; the query
//! is compared with t·c for t = ⟨q,c⟩/|c|², see [`scale`]. Cosine distance is half of L2 on unit vectors.
//!
//! ⟨y,q⟩ is summed up from tables in bytes ([`Query`]), for a [batch](BATCH) of 32 neighbours at once, as in FastScan
//! (André, Kermarrec and Le Scouarnec, VLDB 2015). The integer sums are the same for both [`Form`]s and on every CPU.
//!
//! # Which form
//!
//! From `benches/codes.rs` on an AMD EPYC of the Zen 4 generation: ns for a batch of 32 neighbours, and bytes of WAL that
//! GenericXLog writes when one edge changes (of rows, with factors and number beside the code).
//!
//! | dims, bits | interleaved, AVX-512 | AVX2 | rows, AVX-512 | AVX2 | WAL: interleaved | rows |
//! |---|---|---|---|---|---|---|
//! | 128, 1 | 32 | 33 | 55 | 69 | 154 | 31 |
//! | 384, 1 | 59 | 70 | 117 | 130 | 426 | 63 |
//! | 768, 1 | 97 | 107 | 206 | 231 | 828 | 111 |
//! | 1536, 1 | 178 | 193 | 380 | 423 | 1635 | 207 |
//! | 32, 4 | 51 | 47 | 62 | 77 | 167 | 31 |
//!
//! Rows by counting common bits with four bit planes of the query (VPOPCNTDQ) take 157 ns at 384 dimensions
//! where turning rows into columns takes 117, need another preparation, and are less exact.
//!
//! # What was tried and not taken
//!
//! Of the 8 nearest to the query among 32 neighbours of a node near the query, the share among the 8 smallest
//! estimates (600 queries on clusters as in `tests`, 384 dimensions, one bit): 0.709; with the s of least
//! squares, ⟨y,r⟩/|y|², 0.684: these estimates are nearer in the mean, but too near to D. With factors rounded
//! to `f16`, 0.709: `f16` would save 4 bytes an edge, but needs another scale where distances are large.

mod batch_layout;
mod dispatch;
mod encode;
mod fastscan;
#[cfg(target_arch = "aarch64")]
mod neon;
mod query;
pub mod scalar;
mod shape;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use batch_layout::Form;
pub use dispatch::{Kernels, kernels, variants};
pub use encode::{Encoder, Target};
pub use query::{Base, Query, scale};
pub use shape::{BATCH, Shape};

/// The two numbers that turn a code's ⟨y,q⟩ into an estimate; see the head of this module.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Factors {
    /// The summand, before it is multiplied by t.
    pub add: f32,
    /// The factor of ⟨y,q⟩.
    pub mul: f32,
}
