//! Namespaces that were made by name: rows of `pc.namespace`, which is where an empty one is kept. Only functions that have judged
//! read and write them.

use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::elevate::{as_owner, read_as_owner};
use conifer_pure::memory::allocation::headroom;
use pgrx::pg_sys;
use std::collections::BTreeMap;

/// The schema that a namespace was made with, as JSON text, of those made with any.
pub type Schema = Option<String>;

/// The namespaces of an index, by name.
pub fn all(index: i32) -> BTreeMap<String, Schema> {
    let sql = "SELECT name::pg_catalog.text, schema::pg_catalog.text FROM pc.namespace WHERE index_id OPERATOR(pg_catalog.=) $1";
    read_as_owner(|| {
        run(Mode::Read, sql, &[Param::int(index)], |rows| {
            let mut all = BTreeMap::new();
            for row in 0..rows.count as usize {
                let (name, schema) = (rows.get::<String>(row, 0), rows.get::<String>(row, 1));
                if let Some(name) = name {
                    headroom(name.len() + 64).or_raise();
                    all.insert(name, schema);
                }
            }
            all
        })
    })
}

/// One of them; none if it was not made by name.
pub fn find(index: i32, name: &str, mode: Mode) -> Option<Schema> {
    let sql = "SELECT schema::pg_catalog.text FROM pc.namespace
                WHERE index_id OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2";
    let params = [Param::int(index), Param::text(name)];
    read_as_owner(|| run(mode, sql, &params, |rows| (rows.count > 0).then(|| rows.get::<String>(0, 0))))
}

/// Adds one; false if there is one of that name.
pub fn add(index: i32, name: &str, schema: Option<&str>) -> bool {
    let sql = "INSERT INTO pc.namespace (index_id, name, schema) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    let schema = Param::of(pg_sys::JSONBOID, schema.map(|text| Json::parse(text).datum()));
    let params = [Param::int(index), Param::text(name), schema];
    as_owner(|| run(Mode::Write, sql, &params, |rows| rows.count > 0))
}

/// Removes one; none if there is none.
pub fn remove(index: i32, name: &str) -> Option<Schema> {
    let sql = "DELETE FROM pc.namespace
                WHERE index_id OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2
               RETURNING schema::pg_catalog.text";
    let params = [Param::int(index), Param::text(name)];
    as_owner(|| run(Mode::Write, sql, &params, |rows| (rows.count > 0).then(|| rows.get::<String>(0, 0))))
}
