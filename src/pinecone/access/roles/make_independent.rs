//! `pc_make_independent`: takes the keys and groups of the original out of a copy of its database.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::home_database::{came_along, elsewhere};
use crate::pg::spi::{Mode, Param, run, run_now, run_once};
use crate::pinecone::access::elevate::{as_owner, read_as_owner};
use crate::pinecone::access::judge::attempt::Attempt;
use crate::pinecone::access::roles::{self, Groups};
use crate::pinecone::registry::table;
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;

/// Keys of another database are deleted, its groups lose their privileges here and get others in their place. People keep the roles that
/// they were given. Returns the number of keys.
#[pg_extern(sql = false)]
fn pc_make_independent() -> i64 {
    let attempt = Attempt::of("make_independent", "organisation", "");
    attempt.allow(attempt.who.admin.organisation, "make a copy independent");
    roles::turn::take_all();
    let groups = strangers("pc_auth.group_role", "role_name", "false");
    let indexes: Vec<i32> = read_as_owner(|| {
        run_now("SELECT index_id FROM pc.index_reg", &[], |rows| rows.each(|row| rows.get(row, 0)))
    });
    for group in &groups {
        pgrx::check_for_interrupts!();
        for index in indexes.iter().filter(|index| roles::privileges::table_of(**index).is_some()) {
            let revoke = format!("REVOKE ALL ON {} FROM {}", table(*index), quote_identifier(group));
            as_owner(|| run_once(&revoke));
        }
        let sql = "DELETE FROM pc_auth.group_role WHERE role_name OPERATOR(pg_catalog.=) $1";
        as_owner(|| run(Mode::Write, sql, &[Param::name(group)], |_| ()));
    }
    // A key that the original has revoked has no role any more.
    let without_role = format!("t.revoked_at IS NULL AND {}", came_along("t.key_id"));
    let keys = strangers("pc_auth.api_key", "key_id", &without_role);
    for key in &keys {
        pgrx::check_for_interrupts!();
        for table in ["pc_auth.api_key", "pc_auth.key_use"] {
            let sql = format!("DELETE FROM {table} WHERE key_id OPERATOR(pg_catalog.=) $1");
            as_owner(|| run(Mode::Write, &sql, &[Param::text(&**key)], |_| ()));
        }
    }
    // Keys that were made here before the copy's groups were known to be others', and people, get groups of this database.
    roles::sync_all(Groups::Make);
    let count = keys.len() as i64;
    attempt.done_to_organisation(Some(&format!("{{\"keys\":{count},\"groups\":{}}}", groups.len())));
    count
}

/// The names in a table whose roles belong to another database, or that meet a condition on the row `t`.
fn strangers(table: &str, column: &str, or: &str) -> Vec<String> {
    let sql = format!(
        "SELECT {column}::pg_catalog.text FROM {table} AS t WHERE {} IS NOT NULL OR {or}",
        elsewhere(&format!("t.{column}::pg_catalog.name"))
    );
    read_as_owner(|| run_now(&sql, &[], |rows| rows.each(|row| rows.get(row, 0))))
}
