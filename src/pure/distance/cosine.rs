//! The cosine from its three sums, in pgvector's definition.

/// Σ a·b / √(Σ a² · Σ b²) from sums in `f32`, computed in `f64` and kept within [-1, 1]; pgvector's
/// definition, to its edges: NaN if a vector is zero or a sum has overflowed, ±1 if a norm alone has
/// underflowed to zero.
#[inline(always)]
pub fn cosine_of_sums(dot: f32, aa: f32, bb: f32) -> f64 {
    // clamp lets NaN through.
    (f64::from(dot) / (f64::from(aa) * f64::from(bb)).sqrt()).clamp(-1.0, 1.0)
}
