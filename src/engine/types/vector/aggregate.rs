//! The aggregate `avg`: its state is `[n, sum 1, …, sum dim]`, `{0}` before the first vector.
#![allow(unsafe_code)]

use super::{Dense, HalfVec, Vector};
use crate::engine::types::aggregate_step::is_state;
use crate::engine::types::narrow::narrow_finite;
use crate::pg::array::Array;
use crate::pg::error::{OrRaise, raise};
use conifer_pure::fault::Fault;
use conifer_pure::types::element::Element;
use conifer_pure::types::vector::state;
use pgrx::prelude::*;

/// The numbers of a state; raises pgvector's error for an array that is no state. SQL can pass any array to
/// these functions.
fn numbers<'a>(state: &'a Array<f64>, function: &str) -> &'a [f64] {
    match state.as_slice() {
        Ok(numbers) if !numbers.is_empty() => numbers,
        _ => no_state(function),
    }
}

#[cold]
fn no_state(function: &str) -> ! {
    raise(Fault::new("XX000", format!("{function}: expected state array")))
}

/// The step: the state with one vector more, changed in place where the server allows it.
fn step<T: Element>(
    mut old: Array<f64>,
    v: Dense<T>,
    fcinfo: pg_sys::FunctionCallInfo,
    function: &str,
) -> Array<f64> {
    let (x, numbers) = (v.as_slice(), numbers(&old, function));
    if state::dims(numbers) == 0 {
        let mut new = Array::zeroed(x.len() + 1);
        state::start(new.elements_mut(), numbers[0], x);
        return new;
    }
    // SAFETY: the server's own fcinfo of this call.
    if !unsafe { is_state(fcinfo) } {
        old = Array::from_slice(numbers);
    }
    state::accumulate(old.elements_mut(), x).or_raise();
    old
}

#[pg_extern(sql = false)]
fn vector_accum(old: Array<f64>, v: Vector, fcinfo: pg_sys::FunctionCallInfo) -> Array<f64> {
    step(old, v, fcinfo, "vector_accum")
}

#[pg_extern(sql = false)]
fn halfvec_accum(old: Array<f64>, v: HalfVec, fcinfo: pg_sys::FunctionCallInfo) -> Array<f64> {
    step(old, v, fcinfo, "halfvec_accum")
}

/// Two states, of parallel workers, in one; for both types.
#[pg_extern(sql = false)]
fn vector_combine(a: Array<f64>, b: Array<f64>) -> Array<f64> {
    let (left, right) = (numbers(&a, "vector_combine"), numbers(&b, "vector_combine"));
    // A state of no vectors gives way to the other one, whatever its sums are.
    if left[0] == 0.0 || right[0] == 0.0 {
        let kept = if left[0] == 0.0 { right } else { left };
        state::check_dims(kept).or_raise();
        return Array::from_slice(kept);
    }
    let mut sum = Array::from_slice(left);
    state::combine(sum.elements_mut(), right).or_raise();
    state::check_dims(left).or_raise();
    sum
}

/// The end: the mean, or NULL of no vectors.
fn mean<T: Element>(state: Array<f64>, function: &str) -> Option<Dense<T>> {
    let numbers = numbers(&state, function);
    if numbers[0] == 0.0 {
        return None;
    }
    let mut mean = Dense::zeroed(state::dims(numbers));
    state::mean(numbers, mean.as_mut_slice(), narrow_finite).or_raise();
    Some(mean)
}

#[pg_extern(sql = false)]
fn vector_avg(state: Array<f64>) -> Option<Vector> {
    mean(state, "vector_avg")
}

#[pg_extern(sql = false)]
fn halfvec_avg(state: Array<f64>) -> Option<HalfVec> {
    mean(state, "halfvec_avg")
}
