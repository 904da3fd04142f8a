//! `pc_query`: the records of a namespace nearest to a vector, or to a record.
#![allow(unsafe_code)]

use super::arguments::{invalid, reading};
use super::filtered::Filtered;
use super::nearest::{Among, Wanted, check_vector, return_nearest};
use crate::engine::types::vector::Vector;
use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, run};
use crate::pg::srf::open;
use crate::pinecone::engine_types::Home;
use crate::pinecone::registry::Index;
use conifer_pure::pinecone::record::id::check as check_id;
use pgrx::AnyElement;
use pgrx::prelude::*;

#[allow(clippy::too_many_arguments)]
#[pg_extern(sql = false)]
fn pc_query(
    index_name: Option<&str>,
    vector: Option<Vector>,
    top_k: Option<i32>,
    namespace_name: Option<&str>,
    filter: Option<Json>,
    include_values: Option<bool>,
    include_metadata: Option<bool>,
    id: Option<&str>,
    sparse_vector: Option<AnyElement>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let (index, namespace) = reading("query", index_name, namespace_name);
    let wanted = Wanted::new(top_k, include_values, include_metadata, sparse_vector.as_ref());
    let filter = Filtered::of_query(filter, fcinfo);
    let home = Home::find();
    let vector = match (vector, id) {
        (Some(vector), None) => {
            check_vector(&index, vector.as_slice());
            vector
        }
        (None, Some(id)) => {
            check_id(id).or_raise();
            match values_of(&index, &home, namespace, id) {
                Some(values) => Vector::from_slice(&values),
                None => {
                    open(fcinfo);
                    return;
                }
            }
        }
        (Some(_), Some(_)) => invalid("only one of vector and id may be given"),
        (None, None) => invalid("one of vector and id must be given"),
    };
    let among = Among::One(namespace);
    return_nearest(fcinfo, &index, &home, vector, &among, filter.as_ref(), &wanted);
}

/// The vector of a record; none if there is no such record.
fn values_of(index: &Index, home: &Home, namespace: &str, id: &str) -> Option<Vec<f32>> {
    let sql = format!(
        "SELECT {} FROM {}
          WHERE namespace OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
        index.values(&home.quoted),
        index.table()
    );
    run(Mode::Read, &sql, &[Param::text(namespace), Param::text(id)], |rows| {
        if rows.count == 0 {
            return None;
        }
        // SAFETY: Vector is the twin of the type that Home looked up. Its elements are copied,
        // because the row goes away with its statement.
        let vector: Option<Vector> = unsafe { rows.get_as(home.vector(), 0, 0) };
        vector.map(|v| v.as_slice().to_vec())
    })
}
