//! `pc_configure_index`: changes the properties of an index that may change.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::describe_index::return_description;
use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::elevate::as_owner;
use crate::pinecone::access::judge::guard;
use crate::pinecone::registry::{name_of, not_found};
use conifer_pure::pinecone::index::spec::{check_deletion_protection, check_spec};
use conifer_pure::pinecone::index::tags::{Tags, merge, to_json};
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_configure_index(
    name: Option<&str>,
    deletion_protection: Option<&str>,
    tags: Option<Json>,
    spec: Option<Json>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let name = name_of(name);
    let granted = guard::whole("configure_index", name);
    if let Some(protection) = deletion_protection {
        check_deletion_protection(protection).or_raise();
    }
    if let Some(spec) = &spec {
        check_spec(spec.text()).or_raise();
    }
    let old = "SELECT index_id, tags::pg_catalog.text FROM pc.index_reg
                WHERE index_id OPERATOR(pg_catalog.=) $1 FOR UPDATE";
    let found = as_owner(|| {
        run(Mode::Write, old, &[Param::int(granted.index.id)], |rows| {
            (rows.count > 0).then(|| (rows.get::<i32>(0, 0), rows.get::<String>(0, 1).unwrap_or_default()))
        })
    });
    let Some((id, old_tags)) = found else { not_found(name) };
    let tags = tags.map(|new| {
        let old = merge(Tags::new(), &old_tags).or_raise();
        Json::parse(&to_json(&merge(old, new.text()).or_raise())).datum()
    });
    let sql = "UPDATE pc.index_reg SET deletion_protection = COALESCE($2, deletion_protection), \
                      tags = COALESCE($3, tags), spec = COALESCE($4, spec) \
                WHERE index_id OPERATOR(pg_catalog.=) $1";
    let params = [
        Param::int(id),
        Param::text(deletion_protection),
        Param::of(pg_sys::JSONBOID, tags),
        Param::of(pg_sys::JSONBOID, spec.map(|spec| spec.datum())),
    ];
    as_owner(|| run(Mode::Write, sql, &params, |_| ()));
    granted.done();
    return_description(fcinfo, Mode::Write, name);
}
