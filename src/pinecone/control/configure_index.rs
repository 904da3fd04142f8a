//! `pc_configure_index`: changes the properties of an index that may change.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::describe_index::return_description;
use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::elevate::as_owner;
use crate::pinecone::access::judge::guard;
use crate::pinecone::registry::{name_of, not_found};
use conifer_pure::pinecone::index::forms::{Forms, Given, lay_over, with_read_capacity};
use conifer_pure::pinecone::index::spec::check_deletion_protection;
use conifer_pure::pinecone::index::tags::{Tags, merge, to_json};
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_configure_index(
    name: Option<&str>,
    deletion_protection: Option<&str>,
    tags: Option<Json>,
    spec: Option<Json>,
    read_capacity: Option<Json>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let name = name_of(name);
    let granted = guard::whole("configure_index", name);
    if let Some(protection) = deletion_protection {
        check_deletion_protection(protection).or_raise();
    }
    let old = "SELECT index_id, tags::pg_catalog.text, spec::pg_catalog.text FROM pc.index_reg
                WHERE index_id OPERATOR(pg_catalog.=) $1 FOR UPDATE";
    let found = as_owner(|| {
        run(Mode::Write, old, &[Param::int(granted.index.id)], |rows| {
            (rows.count > 0).then(|| {
                let old_tags: String = rows.get(0, 1).unwrap_or_default();
                (rows.get::<i32>(0, 0), old_tags, rows.get::<String>(0, 2))
            })
        })
    });
    let Some((id, old_tags, old_spec)) = found else { not_found(name) };
    let tags = tags.map(|new| {
        let old = merge(Tags::new(), &old_tags).or_raise();
        to_json(&merge(old, new.text()).or_raise())
    });
    let spec = spec.map(|spec| lay_over(old_spec.as_deref(), spec.text()).or_raise());
    let read_capacity = read_capacity.as_ref().map(Json::text);
    let given = Given { spec: spec.as_deref(), read_capacity, ..Given::default() };
    let mut forms = Forms::new(given).or_raise();
    if let (None, Some(capacity), Some(old)) = (&forms.spec, read_capacity, &old_spec) {
        let new = with_read_capacity(old, capacity);
        let deployment = new
            .as_deref()
            .map(|spec| Forms::new(Given { spec: Some(spec), ..Given::default() }).or_raise().deployment);
        (forms.spec, forms.deployment) = (new, deployment.flatten());
    }
    let sql = "UPDATE pc.index_reg SET deletion_protection = COALESCE($2, deletion_protection), \
                      tags = COALESCE($3, tags), spec = COALESCE($4, spec), \
                      deployment = CASE WHEN $4 IS NULL THEN deployment ELSE $5 END, \
                      read_capacity = COALESCE($6, read_capacity) \
                WHERE index_id OPERATOR(pg_catalog.=) $1";
    let params = [
        Param::int(id),
        Param::text(deletion_protection),
        Param::json(tags.as_deref()),
        Param::json(forms.spec.as_deref()),
        Param::json(forms.deployment.as_deref()),
        Param::json(forms.read_capacity.as_deref()),
    ];
    as_owner(|| run(Mode::Write, sql, &params, |_| ()));
    granted.done();
    return_description(fcinfo, Mode::Write, name);
}
