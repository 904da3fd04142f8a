//! Schemas that keys, people and pooled sessions may name.

use crate::pg::spi::{Param, run_now, run_once};
use crate::pinecone::access::elevate::as_superuser;

/// The groups that name Conifer's own schemas.
const GROUPS: &str = "conifer_keys, conifer_people, conifer_gateway";

/// Lets the groups name Conifer's own schemas, as the extension's script does.
pub fn open_own_schemas() {
    ["pc", "pc_data"].iter().for_each(|schema| let_use(schema, GROUPS));
}

/// Lets the tables' owner, keys, people and pooled sessions name the types and operators in the engine's schema, which may be
/// another than `public`, and may move.
pub fn open_schema(schema: &str) {
    let_use(schema, &format!("conifer_owner, {GROUPS}"));
}

fn let_use(schema: &str, roles: &str) {
    let sql = "SELECT FROM pg_catalog.unnest(pg_catalog.string_to_array($1, ', ')) AS r (role) \
                WHERE NOT pg_catalog.has_schema_privilege(r.role::pg_catalog.name, $2::pg_catalog.regnamespace, 'USAGE')";
    if run_now(sql, &[Param::text(roles), Param::text(schema)], |rows| rows.count) > 0 {
        as_superuser(|| run_once(&format!("GRANT USAGE ON SCHEMA {schema} TO {roles}")));
    }
}
