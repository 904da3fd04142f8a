//! `pc_revoke_api_key`: ends a key at once, with its sessions and cursors.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::keeper_of;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::elevate::as_owner;
use crate::pinecone::access::revocation::{kick, make_way};
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_revoke_api_key(key: Option<&str>) {
    let (attempt, key) = keeper_of("revoke_api_key", key, false);
    revoke(key);
    attempt.done(None);
}

/// Revokes a key, unless it is revoked already.
pub fn revoke(key: &str) {
    make_way(key);
    kick(key);
    let sql = "UPDATE pc_auth.api_key SET revoked_at = pg_catalog.clock_timestamp(), revoked_by = session_user \
                WHERE key_id OPERATOR(pg_catalog.=) $1 AND revoked_at IS NULL";
    as_owner(|| run(Mode::Write, sql, &[Param::text(key)], |_| ()));
}
