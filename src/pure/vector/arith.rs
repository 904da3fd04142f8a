//! Element-wise arithmetic. Results are written to a slice of the operands' length.

use super::limits::check_same_dims;
use crate::fault::{Fault, Result, state};

/// `out = a + b`.
///
/// # Errors
/// `22000` for different dimensions, `22003` on overflow.
pub fn add(a: &[f32], b: &[f32], out: &mut [f32]) -> Result<()> {
    check_same_dims(a, b)?;
    out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = a + b);
    check_overflow(out)
}

/// `acc = acc + b`, the step of the `sum` aggregate.
///
/// # Errors
/// `22000` for different dimensions, `22003` on overflow.
pub fn add_assign(acc: &mut [f32], b: &[f32]) -> Result<()> {
    check_same_dims(acc, b)?;
    acc.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    check_overflow(acc)
}

/// `out = a - b`.
///
/// # Errors
/// `22000` for different dimensions, `22003` on overflow.
pub fn sub(a: &[f32], b: &[f32], out: &mut [f32]) -> Result<()> {
    check_same_dims(a, b)?;
    out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = a - b);
    check_overflow(out)
}

/// `out = a * b`, element by element.
///
/// # Errors
/// `22000` for different dimensions, `22003` on overflow and on underflow (a zero product of non-zero
/// factors).
pub fn mul(a: &[f32], b: &[f32], out: &mut [f32]) -> Result<()> {
    check_same_dims(a, b)?;
    out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = a * b);
    let vanished = |(o, (a, b)): (&f32, (&f32, &f32))| *o == 0.0 && *a != 0.0 && *b != 0.0;
    let products = || out.iter().zip(a.iter().zip(b));
    // Without early exit this vectorises; which error comes first matters only if there is one.
    if !products().fold(false, |bad, p| bad | p.0.is_infinite() | vanished(p)) {
        return Ok(());
    }
    Err(products()
        .find(|&p| p.0.is_infinite() || vanished(p))
        .map_or_else(overflow, |p| if p.0.is_infinite() { overflow() } else { underflow() }))
}

/// `out = x / norm`, or zeros when `norm` is 0. `norm` is the Euclidean norm of `x`, in double
/// precision so that it neither overflows nor vanishes.
///
/// # Errors
/// `22003` on overflow.
pub fn normalize(x: &[f32], norm: f64, out: &mut [f32]) -> Result<()> {
    if norm > 0.0 {
        out.iter_mut().zip(x).for_each(|(o, &x)| *o = (f64::from(x) / norm) as f32);
    } else {
        out.fill(0.0);
    }
    check_overflow(out)
}

fn check_overflow(x: &[f32]) -> Result<()> {
    // `any` would stop early and so not vectorise; the whole is rarely longer than a few thousand.
    if x.iter().fold(false, |bad, v| bad | v.is_infinite()) { Err(overflow()) } else { Ok(()) }
}

#[cold]
pub(crate) fn overflow() -> Fault {
    Fault::new(state::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow")
}

#[cold]
fn underflow() -> Fault {
    Fault::new(state::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Op = fn(&[f32], &[f32], &mut [f32]) -> Result<()>;

    fn run(op: Op, a: &[f32], b: &[f32]) -> Result<Vec<f32>> {
        let mut out = vec![f32::NAN; a.len()];
        op(a, b, &mut out).map(|()| out)
    }

    #[test]
    fn values() {
        assert_eq!(run(add, &[1.0, 2.0], &[3.0, 4.5]), Ok(vec![4.0, 6.5]));
        assert_eq!(run(sub, &[1.0, 2.0], &[3.0, 4.5]), Ok(vec![-2.0, -2.5]));
        assert_eq!(run(mul, &[1.0, 0.0], &[3.0, 4.5]), Ok(vec![3.0, 0.0]));
        let mut acc = [1.0, 2.0];
        add_assign(&mut acc, &[3.0, 4.5]).unwrap();
        assert_eq!(acc, [4.0, 6.5]);
    }

    #[test]
    fn out_of_range() {
        for op in [add as Op, mul] {
            assert_eq!(
                run(op, &[0.0, 3e38], &[0.0, 3e38]).unwrap_err().message,
                "value out of range: overflow"
            );
        }
        assert_eq!(run(sub, &[-3e38], &[3e38]).unwrap_err().state, "22003");
        assert_eq!(run(mul, &[1e-37], &[-1e-37]).unwrap_err().message, "value out of range: underflow");
        for op in [add as Op, sub, mul] {
            assert_eq!(
                run(op, &[1.0], &[1.0, 2.0]).unwrap_err().message,
                "different vector dimensions 1 and 2"
            );
        }
    }

    #[test]
    fn normalizing() {
        let mut out = [9.0; 2];
        normalize(&[3.0, 4.0], 5.0, &mut out).unwrap();
        assert_eq!(out, [0.6, 0.8]);
        normalize(&[0.0, 0.0], 0.0, &mut out).unwrap();
        assert_eq!(out, [0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn in_place_is_the_same(pairs in prop::collection::vec((any::<f32>(), any::<f32>()), 1..40)) {
            let finite = |x: f32| if x.is_finite() { x } else { 1.0 };
            let (mut a, b): (Vec<f32>, Vec<f32>) = pairs.iter().map(|&(a, b)| (finite(a), finite(b))).unzip();
            let apart = run(add, &a, &b);
            prop_assert_eq!(add_assign(&mut a, &b).map(|()| a), apart);
        }
    }
}
