//! The CHECK constraints of an index's table. Their functions raise the error instead of answering false.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use crate::engine::types::vector::{HalfVec, Vector};
use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::memory::allocation::collected;
use conifer_pure::pinecone::record::{dense, id, metadata, namespace};
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn check_id(id: &str) -> bool {
    id::check(id).or_raise();
    true
}

#[pg_extern(sql = false)]
fn check_namespace(namespace: &str) -> bool {
    namespace::check_stored(namespace).or_raise();
    true
}

#[pg_extern(sql = false)]
fn check_values(id: &str, values: Vector) -> bool {
    dense::not_zero(values.as_slice()).map_err(|fault| of_record(fault, id)).or_raise();
    true
}

#[pg_extern(sql = false)]
fn check_direction(id: &str, values: Vector) -> bool {
    dense::has_direction(values.as_slice()).map_err(|fault| of_record(fault, id)).or_raise();
    true
}

#[pg_extern(sql = false)]
fn check_half_values(id: &str, values: HalfVec) -> bool {
    dense::not_zero(&widened(&values)).map_err(|fault| of_record(fault, id)).or_raise();
    true
}

#[pg_extern(sql = false)]
fn check_half_direction(id: &str, values: HalfVec) -> bool {
    dense::has_direction(&widened(&values)).map_err(|fault| of_record(fault, id)).or_raise();
    true
}

/// The elements with four bytes each.
fn widened(values: &HalfVec) -> Vec<f32> {
    collected(values.as_slice().iter().map(|x| x.to_f32())).or_raise()
}

#[pg_extern(sql = false)]
fn check_metadata(id: &str, metadata: Json) -> bool {
    metadata::check(metadata.text()).map_err(|fault| of_record(fault, id)).or_raise();
    true
}

fn of_record(fault: Fault, id: &str) -> Fault {
    fault.detail(format!("Record {}.", quoted(id)))
}
