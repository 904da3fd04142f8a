//! What the server's catalog says of a role.

use crate::pg::spi::{Param, run_now};
use crate::pinecone::access::elevate::as_superuser;

/// Whether there is a role of that name.
pub fn exists(name: &str) -> bool {
    let sql = "SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1";
    run_now(sql, &[Param::name(name)], |rows| rows.count > 0)
}

/// Whether a role has a password: that of a key which was revoked, but could not be dropped, has none.
pub fn has_password(role: &str) -> bool {
    let sql = "SELECT FROM pg_catalog.pg_authid WHERE rolname OPERATOR(pg_catalog.=) $1 AND rolpassword IS NOT NULL";
    as_superuser(|| run_now(sql, &[Param::name(role)], |rows| rows.count > 0))
}
