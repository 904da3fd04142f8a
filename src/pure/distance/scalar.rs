//! The plain scalar twin of every kernel: the reference the fast ones are tested and measured against.
//!
//! One element at a time, from first to last, with the same types of accumulator as the fast kernels.

/// Σ (a − b)², accumulated in `f32`.
pub fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    let mut s = 0.0;
    for (x, y) in a.iter().zip(b) {
        let d = x - y;
        s += d * d;
    }
    s
}

/// Σ a·b, accumulated in `f32`.
pub fn inner_product(a: &[f32], b: &[f32]) -> f32 {
    let mut s = 0.0;
    for (x, y) in a.iter().zip(b) {
        s += x * y;
    }
    s
}

/// Cosine of the angle, by [`cosine_of_sums`](super::cosine_of_sums) from sums accumulated in `f32`.
pub fn cosine_similarity(a: &[f32], b: &[f32]) -> f64 {
    let (mut dot, mut aa, mut bb) = (0f32, 0f32, 0f32);
    for (x, y) in a.iter().zip(b) {
        dot += x * y;
        aa += x * x;
        bb += y * y;
    }
    super::cosine_of_sums(dot, aa, bb)
}

/// Σ |a − b|, accumulated in `f32`.
pub fn l1(a: &[f32], b: &[f32]) -> f32 {
    let mut s = 0.0;
    for (x, y) in a.iter().zip(b) {
        s += (x - y).abs();
    }
    s
}

/// √ Σ a², accumulated in `f64`.
pub fn norm(a: &[f32]) -> f64 {
    let mut s = 0.0;
    for x in a {
        s += f64::from(*x) * f64::from(*x);
    }
    s.sqrt()
}
