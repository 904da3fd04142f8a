//! Element-wise arithmetic and normalization.
#![allow(unsafe_code)]

use super::Vector;
use crate::engine::aggregate::is_state;
use crate::raise::OrRaise;
use conifer_pure::Result;
use conifer_pure::distance;
use conifer_pure::vector::arith;
use pgrx::prelude::*;

/// A new vector that `op` makes of `a` and `b`.
fn combined(a: &Vector, b: &Vector, op: fn(&[f32], &[f32], &mut [f32]) -> Result<()>) -> Vector {
    let mut result = Vector::zeroed(a.dim());
    op(a.as_slice(), b.as_slice(), result.as_mut_slice()).or_raise();
    result
}

/// Sum, operator `+`. As the step of the aggregate `sum` it adds in place.
#[pg_extern(sql = false)]
fn vector_add(mut a: Vector, b: Vector, fcinfo: pg_sys::FunctionCallInfo) -> Vector {
    // SAFETY: the server's own fcinfo of this call.
    if unsafe { is_state(fcinfo) } {
        arith::add_assign(a.as_mut_slice(), b.as_slice()).or_raise();
        return a;
    }
    combined(&a, &b, arith::add)
}

/// Difference, operator `-`.
#[pg_extern(sql = false)]
fn vector_sub(a: Vector, b: Vector) -> Vector {
    combined(&a, &b, arith::sub)
}

/// Product element by element, operator `*`.
#[pg_extern(sql = false)]
fn vector_mul(a: Vector, b: Vector) -> Vector {
    combined(&a, &b, arith::mul)
}

/// The vector divided by its norm; zeros stay zeros.
#[pg_extern(sql = false)]
fn l2_normalize(v: Vector) -> Vector {
    let x = v.as_slice();
    let mut result = Vector::zeroed(x.len());
    arith::normalize(x, distance::norm(x), result.as_mut_slice()).or_raise();
    result
}
