//! API keys: a file for each function.

mod create_api_key;
mod list_api_keys;
mod revoke_api_key;
mod rotate_api_key;
mod update_api_key;
mod use_key;
mod whoami;

use super::elevate::{as_owner, read_as_owner};
use super::judge::attempt::Attempt;
use super::secret::Secret;
use super::{parents, roles};
use crate::pg::array_values::RawArray;
use crate::pg::error::{OrRaise, raise};
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::registry::{Index, name_of, not_found};
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::{INVALID_PARAMETER_VALUE, NULL_VALUE_NOT_ALLOWED, UNDEFINED_OBJECT};
use conifer_pure::pinecone::access::level::{Level, Levels};
use conifer_pure::pinecone::access::principal::Principal;
use conifer_pure::pinecone::access::scope::{Names, Scope, parse};
use pgrx::prelude::*;
use pgrx::{IntoDatum, Uuid};
use std::collections::BTreeMap;

/// An attempt by a keeper: a person who may administer the keys of a project.
///
/// # Errors
/// Raises 42501, and 25006 in a transaction that may not write what the action does.
fn keeper<'a>(action: &'a str, resource: &'a str, project: Option<&str>, reads: bool) -> Attempt<'a> {
    let attempt = Attempt::within(project, action, "api_key", resource);
    let admin = attempt.who.admin;
    if reads {
        attempt.allow(admin.lists_keys, "list API keys");
    } else {
        attempt.allow(admin.keys, "administer API keys");
        attempt.writes();
    }
    attempt
}

/// The project of a key that the keeper may see, by name.
///
/// # Errors
/// Raises 42704 if there is no such key, and if the keeper may not see it: a person who keeps no keys is refused before.
fn project_of(key: &str) -> String {
    let sql = "SELECT p.name FROM pc_auth.api_key k JOIN pc_auth.project p ON p.project_id OPERATOR(pg_catalog.=) k.project_id \
                WHERE k.key_id OPERATOR(pg_catalog.=) $1";
    let found = read_as_owner(|| {
        run(Mode::Write, sql, &[Param::text(key)], |rows| (rows.count > 0).then(|| rows.get(0, 0)).flatten())
    });
    found.unwrap_or_else(|| raise(unknown(key)))
}

/// An attempt by a keeper of `key`.
///
/// # Errors
/// Raises 42704 if no project of the keeper's has the key, 42501 for a person who keeps no keys.
fn keeper_of<'a>(action: &'a str, key: Option<&'a str>, reads: bool) -> (Attempt<'a>, &'a str) {
    let Some(key) = key else { raise(Fault::new(NULL_VALUE_NOT_ALLOWED, "key_id must not be null")) };
    if Attempt::of(action, "api_key", key).who.admin.organisation {
        return (keeper(action, key, Some(&project_of(key)), reads), key);
    }
    let attempt = keeper(action, key, None, reads);
    let sql = "SELECT FROM pc_auth.api_key WHERE key_id OPERATOR(pg_catalog.=) $1 AND project_id OPERATOR(pg_catalog.=) $2";
    let params = [Param::text(key), Param::uuid(Uuid::from_bytes(attempt.who.project))];
    if read_as_owner(|| run(Mode::Write, sql, &params, |rows| rows.count)) == 0 {
        // The key may be in another project.
        attempt.refuse(unknown(key));
    }
    (attempt, key)
}

/// The error 42704: a key does not exist. `key` may be a whole key by mistake: its secret is not repeated.
fn unknown(key: &str) -> Fault {
    // More bytes than the message quotes, however long the text is.
    let mut shown = key.as_bytes()[..key.len().min(512)].to_vec();
    conifer_pure::pinecone::access::api_key::mask(&mut shown);
    let shown = String::from_utf8_lossy(&shown);
    Fault::new(UNDEFINED_OBJECT, format!("API key {} does not exist", quoted(&shown)))
        .hint("pc_list_api_keys() shows the keys of a project.")
}

/// A key's name as given.
///
/// # Errors
/// Raises 22023 unless it has 1 to 80 characters, 22004 for NULL.
fn check_name(name: Option<&str>) -> &str {
    let Some(name) = name else { raise(Fault::new(NULL_VALUE_NOT_ALLOWED, "API key name must not be null")) };
    if !(1..=80).contains(&name.chars().count()) {
        raise(Fault::new(INVALID_PARAMETER_VALUE, "API key name must have 1 to 80 characters"));
    }
    name
}

/// The end of a key.
///
/// # Errors
/// Raises 22023 for a time in the past.
fn check_end(expires: Option<TimestampWithTimeZone>) -> Option<TimestampWithTimeZone> {
    if expires.is_some_and(|end| i64::from(end) <= now()) {
        raise(Fault::new(INVALID_PARAMETER_VALUE, "expires_at must be in the future"));
    }
    expires
}

#[allow(unsafe_code)]
fn now() -> i64 {
    // SAFETY: reads a clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

/// The scope that names of indexes and of their namespaces describe; none if neither was given. `*` among the indexes is
/// the whole project.
///
/// # Errors
/// Raises 42P01 for an index that is not in the project, 22023 for arguments that are no scope.
fn scope(who: &Principal, indexes: Option<RawArray>, namespaces: Option<Json>) -> Option<Scope> {
    if indexes.is_none() && namespaces.is_none() {
        return None;
    }
    let named: Vec<String> = indexes
        .map(|all| all.texts())
        .unwrap_or_default()
        .into_iter()
        .map(|name| name_of(name.as_deref()).to_owned())
        .collect();
    let limited = namespaces.map_or_else(BTreeMap::new, |json| parse(json.text()).or_raise());
    if named.iter().any(|name| name == "*") {
        if named.len() > 1 || !limited.is_empty() {
            raise(Fault::new(INVALID_PARAMETER_VALUE, "\"*\" stands for all indexes and must stand alone"));
        }
        return Some(Scope::Project);
    }
    let find = |name: &str| Index::find(name, who.project, Mode::Write).unwrap_or_else(|| not_found(name)).id;
    let mut all: BTreeMap<i32, Names> = named.iter().map(|name| (find(name), Names::All)).collect();
    all.extend(limited.into_iter().map(|(name, names)| (find(&name), Names::These(names))));
    all.keys().copied().for_each(parents::require_index);
    if all.is_empty() {
        raise(
            Fault::new(INVALID_PARAMETER_VALUE, "indexes must name an index")
                .hint("ARRAY['*'] stands for all indexes of the project."),
        );
    }
    Some(Scope::Indexes(all))
}

/// A new row of `pc_auth.api_key`.
struct New<'a> {
    project: Uuid,
    name: &'a str,
    levels: Levels,
    scope: &'a Scope,
    expires: Option<TimestampWithTimeZone>,
    rotated_from: Option<&'a str>,
}

/// Writes a new key.
fn insert(new: &New<'_>) -> Secret {
    roles::turn::take_project(new.project);
    parents::require_project(new.project);
    prepare(new.project, new.scope, new.levels.data);
    let secret = Secret::draw();
    let sql = "INSERT INTO pc_auth.api_key (key_id, project_id, name, control_plane, data_plane, scoped, secret_hash, verifier, \
                                            created_by, expires_at, rotated_from) \
               VALUES ($1, $2, $3, $4::pg_catalog.\"char\", $5::pg_catalog.\"char\", $6, $7, $8, session_user, $9, $10)";
    let params = [
        Param::text(&*secret.role),
        Param::uuid(new.project),
        Param::text(new.name),
        Param::text(new.levels.control.letter()),
        Param::text(new.levels.data.letter()),
        Param::of(pg_sys::BOOLOID, (!new.scope.is_project()).into_datum()),
        Param::of(pg_sys::BYTEAOID, secret.hash.as_slice().into_datum()),
        Param::text(&*secret.verifier),
        Param::of(pg_sys::TIMESTAMPTZOID, new.expires.and_then(IntoDatum::into_datum)),
        Param::text(new.rotated_from),
    ];
    as_owner(|| run(Mode::Write, sql, &params, |_| ()));
    write_scope(&secret.role, new.scope);
    secret
}

/// Makes the groups that a key will be in.
fn prepare(project: Uuid, scope: &Scope, data: Level) {
    let indexes: Option<Vec<i32>> = match scope {
        Scope::Project => None,
        Scope::Indexes(indexes) => Some(indexes.keys().copied().collect()),
    };
    roles::prepare(project, indexes.as_deref(), data);
}

/// Replaces the scope of a key.
fn write_scope(key: &str, scope: &Scope) {
    as_owner(|| {
        let sql = "DELETE FROM pc_auth.key_scope WHERE key_id OPERATOR(pg_catalog.=) $1";
        run(Mode::Write, sql, &[Param::text(key)], |_| ());
        let Scope::Indexes(indexes) = scope else { return };
        let sql = "INSERT INTO pc_auth.key_scope (key_id, index_id, namespaces) VALUES ($1, $2, $3)";
        for (index, names) in indexes {
            let names = match names {
                Names::All => None,
                Names::These(names) => names.iter().cloned().collect::<Vec<_>>().into_datum(),
            };
            let params = [Param::text(key), Param::int(*index), Param::of(pg_sys::TEXTARRAYOID, names)];
            run(Mode::Write, sql, &params, |_| ());
        }
    });
}
