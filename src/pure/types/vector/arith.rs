//! Element-wise arithmetic. Results are written to a slice of the operands' length.

use super::limits::check_same_dims;
use crate::fault::{Fault, Result, state};
use crate::types::element::Element;

/// `out = a + b`.
///
/// # Errors
/// `22000` for different dimensions, `22003` on overflow.
pub fn add<T: Element>(a: &[T], b: &[T], out: &mut [T]) -> Result<()> {
    check_same_dims(a, b)?;
    out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = T::from_f32(a.to_f32() + b.to_f32()));
    check_overflow(out)
}

/// `acc = acc + b`, the step of the `sum` aggregate.
///
/// # Errors
/// `22000` for different dimensions, `22003` on overflow.
pub fn add_assign<T: Element>(acc: &mut [T], b: &[T]) -> Result<()> {
    check_same_dims(acc, b)?;
    acc.iter_mut().zip(b).for_each(|(a, b)| *a = T::from_f32(a.to_f32() + b.to_f32()));
    check_overflow(acc)
}

/// `out = a - b`.
///
/// # Errors
/// `22000` for different dimensions, `22003` on overflow.
pub fn sub<T: Element>(a: &[T], b: &[T], out: &mut [T]) -> Result<()> {
    check_same_dims(a, b)?;
    out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = T::from_f32(a.to_f32() - b.to_f32()));
    check_overflow(out)
}

/// `out = a * b`, element by element.
///
/// # Errors
/// `22000` for different dimensions, `22003` on overflow and on underflow (a zero product of non-zero
/// factors).
pub fn mul<T: Element>(a: &[T], b: &[T], out: &mut [T]) -> Result<()> {
    check_same_dims(a, b)?;
    let wrong = |o: f32, a: f32, b: f32| o.is_infinite() | ((o == 0.0) & (a != 0.0) & (b != 0.0));
    // Neither an early exit nor a branch, so that the loop vectorises.
    let any = out.iter_mut().zip(a).zip(b).fold(false, |any, ((o, &a), &b)| {
        *o = T::from_f32(a.to_f32() * b.to_f32());
        any | wrong(o.to_f32(), a.to_f32(), b.to_f32())
    });
    if !any {
        return Ok(());
    }
    let first = out.iter().zip(a).zip(b).find(|((o, a), b)| wrong(o.to_f32(), a.to_f32(), b.to_f32()));
    Err(first.filter(|((o, _), _)| o.to_f32() == 0.0).map_or_else(overflow, |_| underflow()))
}

/// `out = x / norm`, or zeros when `norm` is 0. `norm` is the Euclidean norm of `x`, in double
/// precision so that it neither overflows nor vanishes.
///
/// # Errors
/// `22003` on overflow.
pub fn normalize<T: Element>(x: &[T], norm: f64, out: &mut [T]) -> Result<()> {
    if norm > 0.0 {
        out.iter_mut().zip(x).for_each(|(o, &x)| *o = T::from_f32((f64::from(x.to_f32()) / norm) as f32));
    } else {
        out.fill(T::default());
    }
    check_overflow(out)
}

fn check_overflow<T: Element>(x: &[T]) -> Result<()> {
    // `any` would stop early and so not vectorise; the whole is rarely longer than a few thousand.
    if x.iter().fold(false, |bad, v| bad | v.to_f32().is_infinite()) { Err(overflow()) } else { Ok(()) }
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
    use crate::types::element::f16;
    use proptest::prelude::*;

    type Op<T = f32> = fn(&[T], &[T], &mut [T]) -> Result<()>;

    fn run<T: Element>(op: Op<T>, a: &[T], b: &[T]) -> Result<Vec<T>> {
        let mut out = vec![T::from_f32(f32::NAN); a.len()];
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
        let first = |a: &[f32]| run(mul, a, a).unwrap_err().message;
        assert_eq!(first(&[1.0, 0.0, 1e-30, 1e30]), "value out of range: underflow");
        assert_eq!(first(&[1.0, 0.0, 1e30, 1e-30]), "value out of range: overflow");
        for op in [add as Op, sub, mul] {
            assert_eq!(
                run(op, &[1.0], &[1.0, 2.0]).unwrap_err().message,
                "different vector dimensions 1 and 2"
            );
        }
    }

    fn halves<const N: usize>(x: [f32; N]) -> [f16; N] {
        x.map(f16::from_f32_const)
    }

    #[test]
    fn halves_out_of_range() {
        let message = |op: Op<f16>, x: f32, y: f32| run(op, &halves([x]), &halves([y])).unwrap_err().message;
        let overflow = "value out of range: overflow";
        assert_eq!(run(add, &halves([65504.0]), &halves([15.0])), Ok(halves([65504.0]).to_vec()));
        assert_eq!(message(add, 65504.0, 16.0), overflow);
        assert_eq!(message(sub, -65504.0, 65504.0), overflow);
        assert_eq!(message(mul, 256.0, 256.0), overflow);
        assert_eq!(message(mul, 1e-4, -1e-4), "value out of range: underflow");
        assert_eq!(run(mul, &halves([1e-4, 0.0]), &halves([1e-3, 5.0])), Ok(halves([1e-7, 0.0]).to_vec()));
        let mut acc = halves([65504.0]);
        assert_eq!(add_assign(&mut acc, &halves([100.0])).unwrap_err().message, overflow);
    }

    #[test]
    fn normalizing_halves() {
        let mut out = [f16::NAN; 2];
        normalize(&halves([3.0, 4.0]), 5.0, &mut out).unwrap();
        assert_eq!(out, halves([0.6, 0.8]));
        normalize(&halves([0.0, 0.0]), 0.0, &mut out).unwrap();
        assert_eq!(out, halves([0.0, 0.0]));
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
