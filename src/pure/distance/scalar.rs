//! The scalar twin of every kernel: the reference for tests and measurements of the fast kernels.
//!
//! One element at a time, from first to last, with the same types of accumulator as the fast kernels.

/// The pairs of elements as `f32`.
fn pairs<T: Copy + Into<f32>>(a: &[T], b: &[T]) -> impl Iterator<Item = (f32, f32)> {
    a.iter().zip(b).map(|(x, y)| ((*x).into(), (*y).into()))
}

/// Σ (a − b)², accumulated in `f32`.
pub fn l2_squared<T: Copy + Into<f32>>(a: &[T], b: &[T]) -> f32 {
    let mut s = 0.0;
    for (x, y) in pairs(a, b) {
        let d = x - y;
        s += d * d;
    }
    s
}

/// Σ a·b, accumulated in `f32`.
pub fn inner_product<T: Copy + Into<f32>>(a: &[T], b: &[T]) -> f32 {
    let mut s = 0.0;
    for (x, y) in pairs(a, b) {
        s += x * y;
    }
    s
}

/// Cosine of the angle, by [`cosine_of_sums`](super::cosine::cosine_of_sums) from sums accumulated in `f32`.
pub fn cosine_similarity<T: Copy + Into<f32>>(a: &[T], b: &[T]) -> f64 {
    let (mut dot, mut aa, mut bb) = (0f32, 0f32, 0f32);
    for (x, y) in pairs(a, b) {
        dot += x * y;
        aa += x * x;
        bb += y * y;
    }
    super::cosine::cosine_of_sums(dot, aa, bb)
}

/// Σ |a − b|, accumulated in `f32`.
pub fn l1<T: Copy + Into<f32>>(a: &[T], b: &[T]) -> f32 {
    let mut s = 0.0;
    for (x, y) in pairs(a, b) {
        s += (x - y).abs();
    }
    s
}

/// √ Σ a², accumulated in `f64`.
pub fn norm<T: Copy + Into<f32>>(a: &[T]) -> f64 {
    let mut s = 0.0;
    for x in a {
        let x: f32 = (*x).into();
        s += f64::from(x) * f64::from(x);
    }
    s.sqrt()
}
