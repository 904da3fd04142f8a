//! `pc_list_api_keys`, `pc_describe_api_key`.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::{keeper, keeper_of};
use crate::pg::spi::{Mode, Param};
use crate::pg::srf::return_rows;
use crate::pinecone::access::elevate::read_as_owner;
use pgrx::Uuid;
use pgrx::prelude::*;

/// Makes the keys that meet a condition the result of the calling function.
pub fn return_keys(fcinfo: pg_sys::FunctionCallInfo, mode: Mode, condition: &str, param: Param) {
    let level = |column: &str| {
        format!(
            "CASE WHEN k.{column}::pg_catalog.text OPERATOR(pg_catalog.=) 'w' THEN 'ReadWrite' \
                  WHEN k.{column}::pg_catalog.text OPERATOR(pg_catalog.=) 'r' THEN 'ReadOnly' ELSE 'None' END"
        )
    };
    let sql = format!(
        "SELECT k.key_id::pg_catalog.text, k.name::pg_catalog.text, p.name::pg_catalog.text, {}, {}, \
                CASE WHEN k.scoped THEN COALESCE((SELECT pg_catalog.array_agg(r.name::pg_catalog.text ORDER BY r.name) \
                                                    FROM pc_auth.key_scope s JOIN pc.index_reg r ON r.index_id OPERATOR(pg_catalog.=) s.index_id \
                                                   WHERE s.key_id OPERATOR(pg_catalog.=) k.key_id), '{{}}'::pg_catalog.text[]) END, \
                (SELECT pg_catalog.jsonb_object_agg(r.name, pg_catalog.to_jsonb(s.namespaces)) \
                   FROM pc_auth.key_scope s JOIN pc.index_reg r ON r.index_id OPERATOR(pg_catalog.=) s.index_id \
                  WHERE s.key_id OPERATOR(pg_catalog.=) k.key_id AND s.namespaces IS NOT NULL), \
                k.created_at, k.created_by, k.expires_at, k.revoked_at, u.last_used_at \
           FROM pc_auth.api_key k JOIN pc_auth.project p ON p.project_id OPERATOR(pg_catalog.=) k.project_id \
           LEFT JOIN pc_auth.key_use u ON u.key_id OPERATOR(pg_catalog.=) k.key_id \
          WHERE {condition} ORDER BY k.created_at, k.key_id",
        level("control_plane"),
        level("data_plane"),
    );
    read_as_owner(|| return_rows(fcinfo, mode, &sql, &[param]));
}

#[pg_extern(sql = false)]
fn pc_list_api_keys(project: Option<&str>, fcinfo: pg_sys::FunctionCallInfo) {
    let attempt = keeper("list_api_keys", "", project, true);
    let project = Param::uuid(Uuid::from_bytes(attempt.who.project));
    return_keys(fcinfo, Mode::Read, "k.project_id OPERATOR(pg_catalog.=) $1", project);
}

#[pg_extern(sql = false)]
fn pc_describe_api_key(key: Option<&str>, fcinfo: pg_sys::FunctionCallInfo) {
    let (_, key) = keeper_of("describe_api_key", key, true);
    return_keys(fcinfo, Mode::Read, "k.key_id OPERATOR(pg_catalog.=) $1", Param::text(key));
}
