//! `pc_sync_roles(claim => true)`: a copy of a database takes over the original's keys and groups, as where it is to stand in the original's place.
//!
//! Only roles that are there, and keys that may log in: what the original has revoked stays revoked.

use super::home_database::{claim, is_here, settle};
use super::patience::attempt;
use crate::pg::spi::{run_now, run_once};
use crate::pinecone::access::elevate::{as_superuser, read_as_owner};
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;

/// Makes all keys and groups this database's whose rows it has and whose roles belong to another one. Returns how many roles there were.
pub fn take_over() -> i64 {
    let sql = format!(
        "SELECT t.name::pg_catalog.text, t.is_key
           FROM (SELECT role_name, false FROM pc_auth.group_role
                 UNION ALL SELECT key_id::pg_catalog.name, true FROM pc_auth.api_key WHERE revoked_at IS NULL) AS t (name, is_key)
           JOIN pg_catalog.pg_roles r ON r.rolname OPERATOR(pg_catalog.=) t.name
          WHERE (r.rolcanlogin OR NOT t.is_key)
            AND NOT {}",
        is_here("t.name")
    );
    let all: Vec<(String, bool)> = read_as_owner(|| {
        run_now(&sql, &[], |rows| rows.each(|row| Some((rows.get(row, 0)?, rows.get(row, 1) == Some(true)))))
    });
    let mut taken = 0;
    for (name, is_key) in all {
        pgrx::check_for_interrupts!();
        let took = attempt(|| {
            claim(&name);
            if is_key {
                settle(&name);
                // Tells the sessions of all databases that their answers about the key may be wrong, as a comment does not.
                let role = quote_identifier(&name);
                as_superuser(|| run_once(&format!("ALTER ROLE {role} LOGIN")));
            }
        });
        match took {
            Ok(()) => taken += 1,
            Err(why) => notice!("role \"{name}\" is still another database's: {why}"),
        }
    }
    taken
}
