//! Element-wise arithmetic and normalization.
#![allow(unsafe_code)]

use super::Dense;
use super::elements::of_vectors;
use crate::engine::types::aggregate_step::is_state;
use crate::pg::error::OrRaise;
use crate::pg::fmgr::{Argument, export, export_of};
use crate::pg::varlena::Room;
use conifer_pure::Result;
use conifer_pure::distance;
use conifer_pure::types::element::{Element, f16};
use conifer_pure::types::vector::arith;
use pgrx::pg_sys;

type Op<T> = fn(&[T], &[T], &mut [T]) -> Result<()>;

/// A new vector that `op` makes of `a` and `b`.
fn combined<T: Element>(a: &[T], b: &[T], op: Op<T>) -> Dense<T> {
    let mut result = Dense::zeroed(a.len());
    op(a, b, result.as_mut_slice()).or_raise();
    result
}

/// Sum, operator `+`. As the step of the aggregate `sum` it adds in place.
///
/// # Safety
/// `fcinfo` is that of the running call, of two vectors that are not null.
unsafe fn add<T: Element>(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum {
    let mut rooms = (Room::new(), Room::new());
    // SAFETY: the caller vouches for the arguments.
    let b = unsafe { Dense::<T>::argument(fcinfo, 1, &mut rooms.1) };
    // SAFETY: the caller vouches for fcinfo.
    if unsafe { is_state(fcinfo) } {
        // SAFETY: the first argument is a vector that lives as long as the aggregate's state.
        let mut sum = unsafe { Dense::<T>::from_raw((*(*fcinfo).args.as_ptr()).value) };
        arith::add_assign(sum.as_mut_slice(), b.as_slice()).or_raise();
        sum.into_raw()
    } else {
        // SAFETY: as for `b`.
        let a = unsafe { Dense::<T>::argument(fcinfo, 0, &mut rooms.0) };
        combined(a.as_slice(), b.as_slice(), arith::add).into_raw()
    }
}

export!(vector_add, |fcinfo| {
    // SAFETY: both arguments are declared as vectors, of a function that is STRICT.
    unsafe { add::<f32>(fcinfo) }
});
export!(halfvec_add, |fcinfo| {
    // SAFETY: as above, as halfvecs.
    unsafe { add::<f16>(fcinfo) }
});

of_vectors! {
    /// Difference, operator `-`.
    fn vector_sub, halfvec_sub(a, b) -> Dense<T> {
        combined(a, b, arith::sub)
    }

    /// Product element by element, operator `*`.
    fn vector_mul, halfvec_mul(a, b) -> Dense<T> {
        combined(a, b, arith::mul)
    }

    /// The vector divided by its norm; zeros stay zeros.
    fn l2_normalize, halfvec_l2_normalize(v) -> Dense<T> {
        let mut result = Dense::zeroed(v.len());
        arith::normalize(v, distance::norm(v), result.as_mut_slice()).or_raise();
        result
    }
}
