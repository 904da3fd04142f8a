//! The rotation as a matrix, for few dimensions.

use super::generator::SplitMix64;

/// The first `dim` columns of a random orthogonal matrix, one after the other, each of `padded` elements.
#[derive(Debug, Clone)]
pub(super) struct Dense {
    columns: Vec<f32>,
}

impl Dense {
    pub(super) fn new(dim: usize, padded: usize, seed: u64) -> Self {
        let rows = orthonormal(padded, &mut SplitMix64::new(seed));
        let columns = (0..dim).flat_map(|j| rows.iter().map(move |row| row[j] as f32)).collect();
        Self { columns }
    }

    pub(super) fn columns(&self) -> &[f32] {
        &self.columns
    }
}

/// Gram and Schmidt's method on random rows.
fn orthonormal(n: usize, random: &mut SplitMix64) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(n);
    while rows.len() < n {
        let mut row: Vec<f64> = (0..n).map(|_| random.bell()).collect();
        let drawn = dot(&row, &row);
        // A single pass leaves errors of the order of the rounding over the sine of the angle, a second removes them.
        for _ in 0..2 {
            for other in &rows {
                let along = dot(&row, other);
                row.iter_mut().zip(other).for_each(|(x, y)| *x -= along * y);
            }
        }
        let left = dot(&row, &row);
        if left < drawn / 1_048_576.0 {
            continue;
        }
        let length = left.sqrt();
        row.iter_mut().for_each(|x| *x /= length);
        rows.push(row);
    }
    rows
}

/// From the first element to the last: the order is part of the definition.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |s, (x, y)| s + x * y)
}
