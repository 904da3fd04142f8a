//! Sparse values in node records of one size.
//!
//! Few values are much longer than most. A node record has room for most values; of a longer value it stores the largest
//! elements and the length of the left-out part: then distances are known between bounds, and a scan that needs the order
//! looks at the table.

use super::form::sparse_of;
use super::{Form, Uncoded};
use crate::distance::metric::Metric;
use crate::hnsw::cosine_direction;
use crate::types::sparsevec::distance::norm;

/// A value in `words` words, padded with zeros; and the length of its left-out part, by the metric. A direction whose cosine
/// SQL cannot compute counts as left out completely.
pub fn fit(uncoded: &Uncoded, value: &[f32], words: usize) -> (Vec<f32>, f32) {
    let mut fitted = vec![0.0; words];
    let cosine = (uncoded.form(), uncoded.metric()) == (Form::Sparse, Metric::Cosine);
    let odd = cosine && cosine_direction::is_odd(norm(sparse_of(value)));
    if value.len() <= words || uncoded.form() != Form::Sparse {
        fitted.iter_mut().zip(value).for_each(|(to, x)| *to = *x);
        return (fitted, if odd { f32::MAX } else { 0.0 });
    }
    let whole = sparse_of(value);
    let room = words.saturating_sub(1) / 2;
    let mut order: Vec<usize> = (0..whole.indices.len()).collect();
    order.sort_by(|a, b| whole.values[*b].abs().total_cmp(&whole.values[*a].abs()));
    let rest = order.split_off(room.min(order.len()));
    order.sort_unstable();
    let left = rest.iter().map(|i| f64::from(whole.values[*i]).abs());
    let left = match uncoded.metric() {
        Metric::L1 => left.sum(),
        _ => left.map(|x| x * x).sum::<f64>().sqrt(),
    };
    if let Some(count) = fitted.first_mut() {
        *count = f32::from_bits(order.len() as u32);
    }
    for (k, i) in order.iter().enumerate() {
        fitted[1 + k] = f32::from_bits(whole.indices[*i] as u32);
        fitted[1 + order.len() + k] = whole.values[*i];
    }
    if odd {
        return (fitted, f32::MAX);
    }
    // Rounded up: `left` is a bound.
    (fitted, ((left as f32).next_up()).min(f32::MAX))
}

/// Maximum elements of a sparse value in an index, pgvector's limit.
pub const MAX_ELEMENTS: usize = 1000;
/// One value of `PART` may be too long for its node record.
const PART: u64 = 32;
/// Minimum of elements that a node record has room for while no values are known.
const USUAL: usize = 192;

/// A histogram of the lengths of values.
#[derive(Debug, Clone, Default)]
pub struct Sizes {
    /// Number of values by their words.
    counts: Vec<u64>,
}

impl Sizes {
    /// Counts a value.
    pub fn add(&mut self, words: usize) {
        if self.counts.len() <= words {
            self.counts.resize(words + 1, 0);
        }
        self.counts[words] += 1;
    }

    /// Words that a node record should have room for.
    pub fn words(&self) -> usize {
        let mut longer = self.counts.iter().sum::<u64>() / PART;
        for (words, count) in self.counts.iter().enumerate().rev() {
            if *count > longer {
                return words.max(1);
            }
            longer -= count;
        }
        1 + 2 * USUAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hnsw::uncoded::of_sparse;

    #[test]
    fn max_values_fit() {
        let mut sizes = Sizes::default();
        assert_eq!(sizes.words(), 385);
        (0..6400).for_each(|i| sizes.add(if i % 64 == 0 { 1001 } else { i % 64 }));
        assert_eq!(sizes.words(), 62);
        let mut one = Sizes::default();
        one.add(7);
        assert_eq!(one.words(), 7);
    }
    use crate::types::sparsevec::Sparse;

    #[test]
    fn the_largest_stay() {
        let uncoded = Uncoded::new(Form::Sparse, Metric::L1, 100).unwrap();
        let (indices, values) = ([1, 5, 7, 50], [0.5, -3.0, 0.25, 2.0]);
        let value = of_sparse(Sparse { dim: 100, indices: &indices, values: &values }, Metric::L1).unwrap();
        let (fitted, left) = fit(&uncoded, &value, 5);
        let kept = sparse_of(&fitted);
        assert_eq!((kept.indices, kept.values), (&[5, 50][..], &[-3.0, 2.0][..]));
        assert!((0.75..0.7501).contains(&left));
        let (fitted, left) = fit(&uncoded, &value, 12);
        assert_eq!((sparse_of(&fitted), left, fitted.len()), (sparse_of(&value), 0.0, 12));
    }
}
