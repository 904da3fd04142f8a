//! The CHECK constraints of an index's table. They raise what is wrong instead of answering false.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use crate::engine::vector::Vector;
use crate::pinecone::server::json::Json;
use crate::raise::OrRaise;
use conifer_pure::fault::state::INVALID_PARAMETER_VALUE;
use conifer_pure::record::{id, metadata, namespace};
use conifer_pure::{Fault, Result};
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
    not_zero(values.as_slice()).map_err(|fault| of_record(fault, id)).or_raise();
    true
}

#[pg_extern(sql = false)]
fn check_metadata(id: &str, metadata: Json) -> bool {
    metadata::check(metadata.text()).map_err(|fault| of_record(fault, id)).or_raise();
    true
}

/// Refuses the zero vector, which has no direction.
///
/// # Errors
/// 22023
pub fn not_zero(values: &[f32]) -> Result<()> {
    if values.iter().all(|&x| x == 0.0) {
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            "dense vectors must contain at least one non-zero value",
        ));
    }
    Ok(())
}

fn of_record(fault: Fault, id: &str) -> Fault {
    fault.detail(format!("Record \"{id}\"."))
}
