//! The login roles of keys.

use super::groups::{Groups, also, group};
use super::home_database::{came_with_copy, claim, other_database, settle};
use super::membership::join;
use super::removal::drop_role;
use super::role::{exists, has_password};
use super::strangers::set_aside;
use super::{library, search_path, turn};
use crate::pg::spi::{Param, run_now, run_once};
use crate::pinecone::access::elevate::{as_superuser, read_as_owner};
use crate::pinecone::access::locks::{self, Purpose};
use crate::pinecone::access::session::limits::connection_limit;
use conifer_pure::pinecone::access::level::Level;
use pgrx::prelude::*;
use pgrx::spi::{quote_identifier, quote_literal};
use pgrx::{IntoDatum, Uuid};

/// Makes the login role of a key agree with its row, which is new or was there before. Returns whether anything had to change.
pub fn sync_key(key: &str, make: Groups, is_new: bool) -> bool {
    // A revocation takes no turn.
    if let Some((project, ..)) = valid(key) {
        turn::of_row(project);
    }
    locks::exclude(Purpose::Role, key);
    let row = valid(key);
    let Some((Some(project), data, scoped, expires, verifier)) = row else { return drop_role(key) };
    if other_database(key).is_some() || !is_new && came_with_copy(key) {
        return false;
    }
    let mut changed = set_aside(key);
    let until = expires.map_or_else(|| "infinity".to_owned(), |at| at.to_iso_string());
    let (role, password, until) = (quote_identifier(key), quote_literal(&verifier), quote_literal(&until));
    if !exists(key) {
        as_superuser(|| {
            run_once(&format!(
                "CREATE ROLE {role} LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS \
                 {} PASSWORD {password} VALID UNTIL {until}",
                connection_limit()
            ));
        });
        changed = true;
    } else if !agrees(key, &verifier, expires) {
        // An administrator who has taken the login away, and left the password, is not to be overruled.
        let login = if has_password(key) { "" } else { "LOGIN" };
        as_superuser(|| {
            run_once(&format!(
                "ALTER ROLE {role} {login} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS \
                 PASSWORD {password} VALID UNTIL {until}"
            ))
        });
        changed = true;
    }
    changed |= claim(key);
    settle(key);
    changed |= library::set(key);
    changed |= search_path::set(key);
    let mut groups = vec!["conifer_keys".to_owned()];
    if data > Level::None {
        for index in if scoped { scope(key) } else { vec![None] } {
            also(&mut groups, group(project, index, data, make));
        }
    }
    changed | join(key, groups, None)
}

/// Project, level of the data plane, whether the scope is limited, end and verifier of a key that is not revoked.
#[allow(clippy::type_complexity)]
fn valid(key: &str) -> Option<(Option<Uuid>, Level, bool, Option<TimestampWithTimeZone>, String)> {
    let sql = "SELECT project_id, data_plane::pg_catalog.text, scoped, expires_at, verifier FROM pc_auth.api_key \
                WHERE key_id OPERATOR(pg_catalog.=) $1 AND revoked_at IS NULL";
    read_as_owner(|| {
        run_now(sql, &[Param::text(key)], |rows| {
            (rows.count > 0).then(|| {
                let text = |column| rows.get::<String>(0, column).unwrap_or_default();
                (
                    rows.get::<Uuid>(0, 0),
                    Level::from_letter(&text(1)),
                    rows.get::<bool>(0, 2) != Some(false),
                    rows.get::<TimestampWithTimeZone>(0, 3),
                    text(4),
                )
            })
        })
    })
}

/// The project of a key, revoked or not.
pub fn project_of_key(key: &str) -> Option<Uuid> {
    let sql = "SELECT project_id FROM pc_auth.api_key WHERE key_id OPERATOR(pg_catalog.=) $1";
    read_as_owner(|| {
        run_now(sql, &[Param::text(key)], |rows| (rows.count > 0).then(|| rows.get(0, 0)).flatten())
    })
}

/// Whether there is a row of a key, revoked or not.
pub fn is_known(key: &str) -> bool {
    let sql = "SELECT FROM pc_auth.api_key WHERE key_id OPERATOR(pg_catalog.=) $1";
    read_as_owner(|| run_now(sql, &[Param::text(key)], |rows| rows.count > 0))
}

/// Whether a key is not revoked.
pub fn is_valid(key: &str) -> bool {
    valid(key).is_some()
}

fn scope(key: &str) -> Vec<Option<i32>> {
    let sql = "SELECT index_id FROM pc_auth.key_scope WHERE key_id OPERATOR(pg_catalog.=) $1";
    read_as_owner(|| run_now(sql, &[Param::text(key)], |rows| rows.each(|row| Some(rows.get(row, 0)))))
}

/// Whether a role's password and end are those in its key's row.
fn agrees(key: &str, verifier: &str, expires: Option<TimestampWithTimeZone>) -> bool {
    let sql = "SELECT FROM pg_catalog.pg_authid \
                WHERE rolname OPERATOR(pg_catalog.=) $1 AND rolpassword OPERATOR(pg_catalog.=) $2 \
                  AND COALESCE(rolvaliduntil, 'infinity') OPERATOR(pg_catalog.=) COALESCE($3, 'infinity') \
                  AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)";
    let expires = Param::of(pg_sys::TIMESTAMPTZOID, expires.and_then(IntoDatum::into_datum));
    let params = [Param::name(key), Param::text(verifier), expires];
    as_superuser(|| run_now(sql, &params, |rows| rows.count > 0))
}
