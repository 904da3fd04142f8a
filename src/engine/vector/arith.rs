//! Element-wise arithmetic and normalization.
#![allow(unsafe_code)]

use super::Vector;
use crate::engine::aggregate::is_state;
use crate::engine::call::{export, of_vectors};
use crate::engine::varlena::Room;
use crate::raise::OrRaise;
use conifer_pure::Result;
use conifer_pure::distance;
use conifer_pure::vector::arith;

type Op = fn(&[f32], &[f32], &mut [f32]) -> Result<()>;

/// A new vector that `op` makes of `a` and `b`.
fn combined(a: &[f32], b: &[f32], op: Op) -> Vector {
    let mut result = Vector::zeroed(a.len());
    op(a, b, result.as_mut_slice()).or_raise();
    result
}

// Sum, operator `+`. As the step of the aggregate `sum` it adds in place.
export!(vector_add, |fcinfo| {
    let mut rooms = (Room::new(), Room::new());
    // SAFETY: both arguments are declared as vectors.
    let b = unsafe { Vector::argument(fcinfo, 1, &mut rooms.1) };
    // SAFETY: the server's own fcinfo of this call.
    if unsafe { is_state(fcinfo) } {
        // SAFETY: the first argument is a vector that lives as long as the aggregate's state.
        let mut sum = unsafe { Vector::from_raw((*(*fcinfo).args.as_ptr()).value) };
        arith::add_assign(sum.as_mut_slice(), b.as_slice()).or_raise();
        sum.into_raw()
    } else {
        // SAFETY: as for `b`.
        let a = unsafe { Vector::argument(fcinfo, 0, &mut rooms.0) };
        combined(a.as_slice(), b.as_slice(), arith::add).into_raw()
    }
});

of_vectors! {
    /// Difference, operator `-`.
    fn vector_sub(a, b) -> Vector {
        combined(a, b, arith::sub)
    }

    /// Product element by element, operator `*`.
    fn vector_mul(a, b) -> Vector {
        combined(a, b, arith::mul)
    }

    /// The vector divided by its norm; zeros stay zeros.
    fn l2_normalize(v) -> Vector {
        let mut result = Vector::zeroed(v.len());
        arith::normalize(v, distance::norm(v), result.as_mut_slice()).or_raise();
        result
    }
}
