//! State of the `avg` aggregate: `[n, sum 1, …, sum dim]` in double precision; `[0]` before the first
//! vector.

use super::arith::overflow;
use super::limits::unexpected_dim;
use crate::fault::Result;
use crate::types::element::Element;
use crate::types::element::MAX_DIM;

/// Number of sums in `state`: the dimensions of the vectors seen, 0 before the first.
#[must_use]
pub fn dims(state: &[f64]) -> usize {
    state.len().saturating_sub(1)
}

/// Adds `x` to `state`, which has [`dims`] equal to `x.len()`.
///
/// # Errors
/// `22000` for other dimensions, `22003` on overflow.
pub fn accumulate<T: Element>(state: &mut [f64], x: &[T]) -> Result<()> {
    same_dims(dims(state), x.len())?;
    let Some((n, sums)) = state.split_first_mut() else { return Ok(()) };
    *n += 1.0;
    sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum += f64::from(x.to_f32()));
    check_overflow(sums)
}

/// The first state after `[0]`: one vector seen. `n` is the count of the old state, normally 0.
pub fn start<T: Element>(state: &mut [f64], n: f64, x: &[T]) {
    if let Some((first, sums)) = state.split_first_mut() {
        *first = n + 1.0;
        sums.iter_mut().zip(x).for_each(|(sum, &x)| *sum = f64::from(x.to_f32()));
    }
}

/// Refuses a state with more sums than a vector has dimensions: SQL can pass any array for a state.
///
/// # Errors
/// `54000` for such a state.
pub fn check_dims(state: &[f64]) -> Result<()> {
    if dims(state) > MAX_DIM { Err(f32::KIND.too_many_dimensions()) } else { Ok(()) }
}

/// Adds the state `other`, of the same dimensions, to `state`.
///
/// # Errors
/// `22000` for other dimensions, `22003` on overflow.
pub fn combine(state: &mut [f64], other: &[f64]) -> Result<()> {
    same_dims(dims(state), dims(other))?;
    state.iter_mut().zip(other).for_each(|(a, b)| *a += b);
    check_overflow(state.get(1..).unwrap_or_default())
}

/// Writes the mean to `out`, of [`dims`] elements, each converted from single precision by `narrow`.
///
/// # Errors
/// `22000` for no dimensions, `54000` for too many, and the errors of `narrow`.
pub fn mean<T: Element>(state: &[f64], out: &mut [T], narrow: impl Fn(f32) -> Result<T>) -> Result<()> {
    T::KIND.check_dim(dims(state) as i64)?;
    let Some((n, sums)) = state.split_first() else { return Ok(()) };
    for (o, sum) in out.iter_mut().zip(sums) {
        *o = narrow((sum / n) as f32)?;
    }
    Ok(())
}

fn same_dims(expected: usize, dim: usize) -> Result<()> {
    if expected == dim { Ok(()) } else { Err(unexpected_dim(expected, dim)) }
}

fn check_overflow(x: &[f64]) -> Result<()> {
    if x.iter().fold(false, |bad, v| bad | v.is_infinite()) { Err(overflow()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::element::f16;
    use crate::types::vector::limits::check_element;

    fn finite<T: Element>(x: f32) -> Result<T> {
        let x = T::from_f32(x);
        check_element(x).map(|()| x)
    }

    #[test]
    fn mean_of_two() {
        let mut state = [0.0; 3];
        start(&mut state, 0.0, &[1f32, 2.0]);
        accumulate(&mut state, &[3.0, 5.0].map(f16::from_f32_const)).unwrap();
        assert_eq!(state, [2.0, 4.0, 7.0]);
        let mut out = [0f32; 2];
        mean(&state, &mut out, finite).unwrap();
        assert_eq!(out, [2.0, 3.5]);
        let mut out = [f16::ZERO; 2];
        mean(&state, &mut out, finite).unwrap();
        assert_eq!(out, [2.0, 3.5].map(f16::from_f32_const));
    }

    #[test]
    fn combining() {
        let mut state = [2.0, 4.0];
        combine(&mut state, &[1.0, 2.0]).unwrap();
        assert_eq!(state, [3.0, 6.0]);
        assert_eq!(
            combine(&mut state, &[1.0, 2.0, 3.0]).unwrap_err().message,
            "expected 1 dimensions, not 2"
        );
        assert_eq!(combine(&mut [1.0, f64::MAX], &[1.0, f64::MAX]).unwrap_err().state, "22003");
    }

    #[test]
    fn refusals() {
        assert_eq!(
            accumulate(&mut [1.0, 1.0], &[1f32, 2.0]).unwrap_err().message,
            "expected 1 dimensions, not 2"
        );
        assert_eq!(accumulate(&mut [1.0, f64::INFINITY], &[1f32]).unwrap_err().state, "22003");
        assert_eq!(
            mean::<f32>(&[1.0], &mut [], finite).unwrap_err().message,
            "vector must have at least 1 dimension"
        );
        assert_eq!(
            mean::<f32>(&[1.0, 1e300], &mut [0.0], finite).unwrap_err().message,
            "infinite value not allowed in vector"
        );
        assert_eq!(mean::<f32>(&vec![1.0; 16_002], &mut [], finite).unwrap_err().state, "54000");
        assert_eq!(check_dims(&vec![1.0; 16_002]).unwrap_err().state, "54000");
        assert!(check_dims(&vec![1.0; 16_001]).is_ok() && check_dims(&[0.0]).is_ok());
    }
}
