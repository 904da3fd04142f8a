//! The aggregate `avg`: its state is `[n, sum 1, …, sum dim]`, `{0}` before the first vector.
#![allow(unsafe_code)]

use super::Vector;
use crate::engine::aggregate::is_state;
use crate::engine::array::Array;
use crate::raise::{OrRaise, raise};
use conifer_pure::fault::Fault;
use conifer_pure::vector::state;
use pgrx::prelude::*;

/// The numbers of a state, or the error that pgvector raises for an array that is none. SQL can pass
/// any array to these functions.
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
#[pg_extern(sql = false)]
fn vector_accum(mut old: Array<f64>, v: Vector, fcinfo: pg_sys::FunctionCallInfo) -> Array<f64> {
    let (x, numbers) = (v.as_slice(), numbers(&old, "vector_accum"));
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

/// Two states, of parallel workers, in one.
#[pg_extern(sql = false)]
fn vector_combine(a: Array<f64>, b: Array<f64>) -> Array<f64> {
    let (left, right) = (numbers(&a, "vector_combine"), numbers(&b, "vector_combine"));
    if left[0] == 0.0 {
        return Array::from_slice(right);
    }
    let mut sum = Array::from_slice(left);
    if right[0] != 0.0 {
        state::combine(sum.elements_mut(), right).or_raise();
    }
    sum
}

/// The end: the mean, or NULL of no vectors.
#[pg_extern(sql = false)]
fn vector_avg(state: Array<f64>) -> Option<Vector> {
    let numbers = numbers(&state, "vector_avg");
    if numbers[0] == 0.0 {
        return None;
    }
    conifer_pure::vector::check_dim(state::dims(numbers) as i64).or_raise();
    let mut mean = Vector::zeroed(state::dims(numbers));
    state::mean(numbers, mean.as_mut_slice()).or_raise();
    Some(mean)
}
