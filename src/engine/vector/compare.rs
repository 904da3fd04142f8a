//! Order and equality, for the comparison operators and the btree class.

use super::Vector;
use conifer_pure::vector::compare::compare;
use pgrx::prelude::*;
use std::cmp::Ordering;

fn order(a: &Vector, b: &Vector) -> Ordering {
    compare(a.as_slice(), b.as_slice())
}

/// Operator `<`.
#[pg_extern(sql = false)]
fn vector_lt(a: Vector, b: Vector) -> bool {
    order(&a, &b).is_lt()
}

/// Operator `<=`.
#[pg_extern(sql = false)]
fn vector_le(a: Vector, b: Vector) -> bool {
    order(&a, &b).is_le()
}

/// Operator `=`.
#[pg_extern(sql = false)]
fn vector_eq(a: Vector, b: Vector) -> bool {
    order(&a, &b).is_eq()
}

/// Operator `<>`.
#[pg_extern(sql = false)]
fn vector_ne(a: Vector, b: Vector) -> bool {
    order(&a, &b).is_ne()
}

/// Operator `>=`.
#[pg_extern(sql = false)]
fn vector_ge(a: Vector, b: Vector) -> bool {
    order(&a, &b).is_ge()
}

/// Operator `>`.
#[pg_extern(sql = false)]
fn vector_gt(a: Vector, b: Vector) -> bool {
    order(&a, &b).is_gt()
}

/// -1, 0 or 1 as `a` sorts before, with or behind `b`.
#[pg_extern(sql = false)]
fn vector_cmp(a: Vector, b: Vector) -> i32 {
    order(&a, &b) as i32
}
