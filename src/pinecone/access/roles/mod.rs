//! The roles that stand for keys, people and groups, made to agree with the rows of `pc_auth`.
//!
//! Roles are derived: every write of the rows calls this through triggers (`triggers.rs`), so that a restore or a
//! subscription leaves the same roles as the functions do. All statements here are on roles whose names come from this library,
//! or from rows that only `conifer_owner` and superusers write.
//!
//! Rows of all tables may come in by several transactions at once and in any order, as a parallel restore or a subscription's
//! first copy writes them, and none sees the others' before they commit. So a transaction that writes a row waits for its turn
//! (`turn.rs`) before it looks at the other tables, and the last one sees all rows: each makes all roles and memberships that
//! depend on its row and on committed rows. Queries here see all rows that are committed by now, also in a transaction
//! whose snapshot is older.

mod cascade;
pub mod drop_extension;
pub mod home_database;
pub mod late_cascade;
pub mod late_grants;
pub mod late_members;
pub mod library;
mod make_independent;
pub mod mark;
pub mod names;
pub mod patience;
pub mod pattern;
pub mod privileges;
mod search_path;
pub mod strangers;
mod sync;
mod take_over;
mod triggers;
pub mod turn;

use crate::pg::error::OrRaise;
use crate::pg::spi::{Mode, Param, run, run_now, run_once};
use crate::pinecone::access::elevate::{as_owner, as_superuser, read_as_owner, role_named};
use crate::pinecone::access::locks::{self, Purpose};
use crate::pinecone::access::session::limits::connection_limit;
use crate::pinecone::access::{parents, secret};
use conifer_pure::memory::allocation::{check, push};
use conifer_pure::pinecone::access::level::Level;
use conifer_pure::pinecone::access::role::{OrgRole, Role};
use home_database::{came_with_copy, claim, elsewhere, other_database, refuse_copy, settle};
use late_members::{grant_role, revoke_role};
use pgrx::prelude::*;
use pgrx::spi::{quote_identifier, quote_literal};
use pgrx::{IntoDatum, Uuid};
use privileges::grant;
use std::ffi::CString;
use turn::projects;

/// The group of all people.
const PEOPLE: &str = "conifer_people";

/// The treatment of a group that is wanted and has no row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    /// Make the group.
    Make,
    /// Leave the group: in a restore its row is yet to come, and brings its members in.
    Find,
}

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

/// Puts a role aside that has the name of a key or group and was made by somebody else. Returns whether there was one.
fn set_aside(name: &str) -> bool {
    let is_stranger = exists(name) && !strangers::is_ours(name);
    if is_stranger {
        strangers::put_aside(name);
    }
    is_stranger
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

/// Makes the memberships of an ordinary role agree with the roles that it was given: in the groups of all projects, or of one, within its
/// turn.
pub fn sync_member(member: &str, make: Groups, within: Option<Uuid>) -> bool {
    let Some(lock) = lock_of(member) else { return false };
    locks::exclude(Purpose::Member, &lock);
    // By number: roles that were given to an earlier role of that name are not this one's, those given to it under an earlier name are.
    let sql = "SELECT m.role, m.project_id, m.by_hand FROM pc_auth.member m \
                 JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.role_oid \
                WHERE r.rolname OPERATOR(pg_catalog.=) $1";
    let given: Vec<(String, Option<Uuid>, bool)> = read_as_owner(|| {
        run_now(sql, &[Param::name(member)], |rows| {
            rows.each(|row| {
                Some((rows.get(row, 0).unwrap_or_default(), rows.get(row, 1), rows.get(row, 2) == Some(true)))
            })
        })
    });
    let mut groups = vec![];
    if !given.is_empty() {
        groups.push(PEOPLE.to_owned());
    }
    let by_hand = given.iter().any(|(.., by_hand)| *by_hand);
    let marked = mark::set(member, (!given.is_empty()).then_some(by_hand));
    let is_meant = |project: &Uuid| within.is_none_or(|within| within == *project);
    for (role, project, _) in given {
        match (Role::from_name(&role), project.filter(is_meant)) {
            (Ok(Role::Project(role)), Some(project)) if role.levels().data > Level::None => {
                also(&mut groups, group(project, None, role.levels().data, make));
            }
            (Ok(Role::Org(OrgRole::Owner)), _) => {
                for project in within.map_or_else(projects, |project| vec![project]) {
                    also(&mut groups, group(project, None, Level::ReadWrite, make));
                }
            }
            _ => {}
        }
    }
    join(member, groups, within) | marked
}

/// The name of the lock of a person's role, which is its number: the role may get another name. None if there is no such role.
pub fn lock_of(member: &str) -> Option<String> {
    let number = CString::new(member).map_or(pg_sys::InvalidOid, |member| role_named(&member));
    (number != pg_sys::InvalidOid).then(|| number.to_u32().to_string())
}

/// Keeps a role among the people that was there before it was given anything: by what else it has, or by itself.
pub fn stay(member: &str) {
    if !exists(member) {
        return;
    }
    let sql = "UPDATE pc_auth.member SET by_hand = true \
                WHERE role_oid OPERATOR(pg_catalog.=) pc_auth.role_number($1) AND NOT by_hand";
    let left = "SELECT FROM pc_auth.member WHERE role_oid OPERATOR(pg_catalog.=) pc_auth.role_number($1)";
    as_owner(|| run(Mode::Write, sql, &[Param::name(member)], |_| ()));
    if read_as_owner(|| run_now(left, &[Param::name(member)], |rows| rows.count)) == 0 {
        add(PEOPLE, member);
    }
}

/// Whether a role was put among the people by hand: it is there, and was given nothing here, nor in another database by which it came there.
pub fn is_by_hand(member: &str) -> bool {
    let sql = "SELECT FROM pg_catalog.pg_auth_members g \
                WHERE g.member OPERATOR(pg_catalog.=) pc_auth.role_number($1) \
                  AND g.roleid OPERATOR(pg_catalog.=) 'conifer_people'::pg_catalog.regrole \
                  AND NOT EXISTS (SELECT FROM pc_auth.member m WHERE m.role_oid OPERATOR(pg_catalog.=) g.member)";
    // Who is about to be put out, by a role that was taken in this transaction, is not there by hand, though the mark is gone already.
    read_as_owner(|| run_now(sql, &[Param::name(member)], |rows| rows.count > 0))
        && !late_members::leaves(PEOPLE, member)
        && mark::is_by_hand(member)
}

/// Makes the memberships of the owners of all projects agree with the projects, one of which has come or gone.
pub fn sync_owners(make: Groups, within: Option<Uuid>) {
    let sql = "SELECT r.rolname::pg_catalog.text FROM pc_auth.member m \
                 JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.role_oid \
                WHERE m.role OPERATOR(pg_catalog.=) 'OrgOwner'";
    let owners: Vec<String> = read_as_owner(|| run_now(sql, &[], |rows| rows.each(|row| rows.get(row, 0))));
    for owner in owners {
        sync_member(&owner, make, within);
    }
}

/// Gives the default role's privileges on tables to the group of all people; the policies judge each person.
pub fn sync_default(make: Groups) -> bool {
    let sql = "SELECT default_role, default_project FROM pc_auth.organisation WHERE default_role IS NOT NULL";
    let default: Option<(String, Option<Uuid>)> = read_as_owner(|| {
        run_now(sql, &[], |rows| {
            (rows.count > 0).then(|| (rows.get(0, 0).unwrap_or_default(), rows.get(0, 1)))
        })
    });
    let mut groups = vec![];
    if let Some((role, project)) = default
        && let Ok(Role::Project(role)) = Role::from_name(&role)
        && role.levels().data > Level::None
    {
        also(&mut groups, group(project.unwrap_or_else(default_project), None, role.levels().data, make));
    }
    join(PEOPLE, groups, None)
}

/// Makes a group's role, with its privileges and members, if the group has a row; drops the role if not.
pub fn sync_group(name: &str) -> bool {
    let sql = "SELECT project_id, index_id, level::pg_catalog.text FROM pc_auth.group_role \
                WHERE role_name OPERATOR(pg_catalog.=) $1";
    let row = read_as_owner(|| {
        run_now(sql, &[Param::name(name)], |rows| {
            (rows.count > 0).then(|| {
                let level = Level::from_letter(&rows.get::<String>(0, 2).unwrap_or_default());
                (rows.get::<Uuid>(0, 0), rows.get::<i32>(0, 1), level)
            })
        })
    });
    let Some((Some(project), index, level)) = row else { return drop_role(name) };
    if other_database(name).is_some() {
        return false;
    }
    let mut changed = set_aside(name);
    if !exists(name) {
        as_superuser(|| run_once(&format!("CREATE ROLE {} NOLOGIN", quote_identifier(name))));
        late_grants::note_group(project, name);
        changed = true;
    }
    // It never logs in: the setting proves whose it is.
    changed |= library::set(name);
    changed |= claim(name);
    for index in index.map_or_else(|| indexes(project), |index| vec![index]) {
        grant(index, name, level);
    }
    // The group's existing members are found here after a restore, when rows come in any order.
    let sql = "SELECT k.key_id FROM pc_auth.api_key k \
                WHERE k.project_id OPERATOR(pg_catalog.=) $1 AND k.revoked_at IS NULL \
                  AND k.data_plane::pg_catalog.text OPERATOR(pg_catalog.=) $3 \
                  AND CASE WHEN $2 IS NULL THEN NOT k.scoped \
                           ELSE EXISTS (SELECT FROM pc_auth.key_scope s WHERE s.key_id OPERATOR(pg_catalog.=) k.key_id \
                                           AND s.index_id OPERATOR(pg_catalog.=) $2) END \
                  AND EXISTS (SELECT FROM pg_catalog.pg_roles r \
                               WHERE r.rolname OPERATOR(pg_catalog.=) k.key_id::pg_catalog.name \
                                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members g \
                                                  WHERE g.member OPERATOR(pg_catalog.=) r.oid \
                                                    AND g.roleid OPERATOR(pg_catalog.=) $4::pg_catalog.regrole))";
    let quoted = quote_identifier(name);
    let params =
        [Param::uuid(project), Param::int(index), Param::text(level.letter()), Param::text(&*quoted)];
    let keys: Vec<String> = read_as_owner(|| run_now(sql, &params, |rows| rows.each(|row| rows.get(row, 0))));
    for key in keys.iter().filter(|key| other_database(key).is_none()) {
        add(name, key);
        changed = true;
    }
    if index.is_none() {
        for member in people_of(project, name, level) {
            add(name, &member);
            changed = true;
        }
    }
    changed
}

/// The people who belong into a group of a project and are not in it, with all people if the default role belongs there.
///
/// The group only gets members: what else they are in depends on rows of other projects, which others may be changing.
fn people_of(project: Uuid, group: &str, level: Level) -> Vec<String> {
    let sql = "SELECT p.rolname::pg_catalog.text, p.role \
                 FROM (SELECT r.oid, r.rolname, m.role FROM pc_auth.member m \
                         JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.role_oid \
                        WHERE m.project_id OPERATOR(pg_catalog.=) $1 OR m.role OPERATOR(pg_catalog.=) 'OrgOwner' \
                       UNION ALL \
                       SELECT r.oid, r.rolname, o.default_role FROM pc_auth.organisation o \
                         JOIN pg_catalog.pg_roles r ON r.rolname OPERATOR(pg_catalog.=) 'conifer_people' \
                        WHERE COALESCE(o.default_project, $2) OPERATOR(pg_catalog.=) $1 AND o.default_role IS NOT NULL) AS p \
                WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members g \
                                   WHERE g.member OPERATOR(pg_catalog.=) p.oid \
                                     AND g.roleid OPERATOR(pg_catalog.=) $3::pg_catalog.regrole)";
    let quoted = quote_identifier(group);
    let params = [Param::uuid(project), Param::uuid(default_project()), Param::text(&*quoted)];
    let mut people: Vec<String> = read_as_owner(|| {
        run_now(sql, &params, |rows| {
            rows.each(|row| {
                let has = match Role::from_name(&rows.get::<String>(row, 1)?).ok()? {
                    Role::Project(role) => role.levels().data,
                    Role::Org(OrgRole::Owner) => Level::ReadWrite,
                    Role::Org(_) => Level::None,
                };
                (has == level).then(|| rows.get(row, 0)).flatten()
            })
        })
    });
    people.sort_unstable();
    people.dedup();
    people
}

/// Makes all groups, keys and members agree with their rows. Returns how many had to change.
pub fn sync_all(make: Groups) -> i64 {
    let texts = |sql: &str| -> Vec<String> {
        read_as_owner(|| run_now(sql, &[], |rows| rows.each(|row| rows.get(row, 0))))
    };
    let mut changed = 0;
    for group in texts("SELECT role_name::pg_catalog.text FROM pc_auth.group_role") {
        pgrx::check_for_interrupts!();
        changed += i64::from(sync_group(&group));
    }
    for key in texts("SELECT key_id FROM pc_auth.api_key") {
        pgrx::check_for_interrupts!();
        changed += i64::from(sync_key(&key, make, false));
    }
    for member in texts(
        "SELECT DISTINCT r.rolname::pg_catalog.text FROM pc_auth.member m \
           JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.role_oid",
    ) {
        pgrx::check_for_interrupts!();
        changed += i64::from(sync_member(&member, make, None));
    }
    changed + i64::from(sync_default(make)) + drop_left() + leave_others() + strangers::expel()
}

/// Takes keys and Conifer's groups out of groups that are not Conifer's: whoever may give a role has put them there without asking, and what that role is
/// given, or `pg_hba.conf` says of it, would hold for all of them. Those that somebody is changing stay for now, with a notice of each. Returns how many
/// memberships were taken away.
fn leave_others() -> i64 {
    let ours = pattern::ALL;
    let sql = format!(
        "SELECT g.rolname::pg_catalog.text, r.rolname::pg_catalog.text, o.rolname::pg_catalog.text
           FROM pg_catalog.pg_auth_members m
           JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) m.roleid AND g.rolname OPERATOR(pg_catalog.!~) {ours}
           JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.member AND r.rolname OPERATOR(pg_catalog.~) {ours}
           LEFT JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) m.grantor"
    );
    let found: Vec<(String, String, Option<String>)> = read_as_owner(|| {
        run_now(&sql, &[], |rows| {
            rows.each(|row| Some((rows.get(row, 0)?, rows.get(row, 1)?, rows.get(row, 2))))
        })
    });
    let mut taken = 0;
    for (group, member, grantor) in &found {
        pgrx::check_for_interrupts!();
        // From PostgreSQL 16 on each role that has granted it takes it back by itself.
        let by = grantor.as_ref().map(|name| format!(" GRANTED BY {}", quote_identifier(name)));
        let revoke = format!(
            "REVOKE {} FROM {}{} CASCADE",
            quote_identifier(group),
            quote_identifier(member),
            by.unwrap_or_default()
        );
        match as_superuser(|| patience::attempt(|| run_once(&revoke))) {
            Ok(()) => taken += 1,
            Err(why) => notice!("role \"{member}\" stays in group \"{group}\": {why}"),
        }
    }
    taken
}

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

/// Opens the table of an index, if its row is there.
pub fn sync_index(index: i32) {
    let sql = "SELECT project_id FROM pc.index_reg WHERE index_id OPERATOR(pg_catalog.=) $1";
    let project = read_as_owner(|| {
        run_now(sql, &[Param::int(index)], |rows| (rows.count > 0).then(|| rows.get(0, 0)).flatten())
    });
    if let Some(project) = project {
        admit(project, index);
    }
}

/// Gives the groups of a new index and of its project, those that are yet to come, too, and pooled sessions, their privileges on
/// its table.
pub fn admit_new(project: Uuid, index: i32) {
    admit(project, index);
    late_grants::note_index(project, index);
}

/// Gives the groups of an index and of its project, and pooled sessions, their privileges on its table, and nobody its row type.
fn admit(project: Uuid, index: i32) {
    privileges::close_type(index);
    grant(index, "conifer_gateway", Level::ReadWrite);
    let sql = "SELECT g.role_name::pg_catalog.text, g.level::pg_catalog.text FROM pc_auth.group_role g \
                 JOIN pg_catalog.pg_roles r ON r.rolname OPERATOR(pg_catalog.=) g.role_name \
                WHERE g.project_id OPERATOR(pg_catalog.=) $1 AND g.index_id IS NULL OR g.index_id OPERATOR(pg_catalog.=) $2";
    let groups: Vec<(String, String)> = read_as_owner(|| {
        run_now(sql, &[Param::uuid(project), Param::int(index)], |rows| {
            (0..rows.count as usize).filter_map(|row| Some((rows.get(row, 0)?, rows.get(row, 1)?))).collect()
        })
    });
    for (name, level) in groups {
        grant(index, &name, Level::from_letter(&level));
    }
}

/// How much strangers may have hung on a role for its removal to be tried while somebody waits for a revocation.
const FEW: i64 = 100;

/// Drops a role with its grants in this database, unless the role belongs to another one. If grants are left elsewhere, or others
/// keep the role from being dropped, it stays but can do nothing, until `pc_sync_roles` drops it. Returns whether anything had to change.
pub fn drop_role(name: &str) -> bool {
    if !exists(name) || other_database(name).is_some() || !strangers::is_ours(name) {
        return false;
    }
    if foreign_objects(name) <= FEW && remove(name).is_ok() {
        return true;
    }
    let changed = disarm(name);
    if changed {
        notice!("role \"{name}\" stays, without rights: pc_sync_roles() drops it");
    }
    changed
}

/// As [`drop_role`], however much hangs on the role.
pub fn drop_role_with_all(name: &str) {
    if exists(name)
        && other_database(name).is_none()
        && strangers::is_ours(name)
        && remove(name).is_err()
    {
        disarm(name);
    }
}

/// Drops the roles of this database's former keys and groups, as far as nobody keeps them from it, and says which ones stay.
/// Returns how many were dropped.
fn drop_left() -> i64 {
    let mut dropped = 0;
    for name in home_database::left() {
        pgrx::check_for_interrupts!();
        match remove(&name) {
            Ok(()) => dropped += 1,
            Err(why) => notice!("role \"{name}\" stays, without rights: {why}"),
        }
    }
    dropped
}

/// How many objects of this database that are no tables of Conifer's have a role as their owner, or in their privileges or policies.
fn foreign_objects(name: &str) -> i64 {
    let sql = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_shdepend s \
                 JOIN pg_catalog.pg_database h ON h.oid OPERATOR(pg_catalog.=) s.dbid \
                WHERE h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
                  AND s.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass \
                  AND s.refobjid OPERATOR(pg_catalog.=) $1::pg_catalog.regrole \
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c \
                                   WHERE s.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass \
                                     AND c.oid OPERATOR(pg_catalog.=) s.objid \
                                     AND c.relowner OPERATOR(pg_catalog.=) 'conifer_owner'::pg_catalog.regrole)";
    read_as_owner(|| run_now(sql, &[Param::text(&*quote_identifier(name))], |rows| rows.get(0, 0)))
        .unwrap_or(0)
}

/// Drops a role that is there, with its grants in this database.
///
/// # Errors
/// Why it stays.
fn remove(name: &str) -> Result<(), String> {
    let role = quote_identifier(name);
    as_superuser(|| {
        patience::attempt(|| run_once(&format!("DROP OWNED BY {role}")))?;
        patience::attempt(|| run_once(&format!("DROP ROLE {role}")))
    })
}

/// Takes from a role that stays its login, its password, its groups and its members. Returns whether anything had to change. It waits for
/// nobody: others lock the object of the role by GRANT and the like, and none of these statements does.
fn disarm(name: &str) -> bool {
    let role = quote_identifier(name);
    let armed = "SELECT FROM pg_catalog.pg_authid \
                  WHERE rolname OPERATOR(pg_catalog.=) $1 AND (rolcanlogin OR rolpassword IS NOT NULL)";
    let members = "SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_auth_members m \
                     JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.member \
                    WHERE m.roleid OPERATOR(pg_catalog.=) $1::pg_catalog.regrole";
    as_superuser(|| {
        let armed = run_now(armed, &[Param::name(name)], |rows| rows.count > 0);
        if armed {
            run_once(&format!("ALTER ROLE {role} NOLOGIN PASSWORD NULL"));
        }
        let members: Vec<String> =
            run_now(members, &[Param::text(&*role)], |rows| rows.each(|row| rows.get(row, 0)));
        members.iter().for_each(|member| revoke_role(name, member));
        join(name, vec![], None) | armed | !members.is_empty()
    })
}

/// Whether there is a role of that name.
pub fn exists(name: &str) -> bool {
    let sql = "SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1";
    run_now(sql, &[Param::name(name)], |rows| rows.count > 0)
}

/// The group with a level on a project, or on an index for keys that are limited to some indexes. A group's row without a role
/// has come in by a statement that makes the role in its turn, with its members. A role that belongs to another database is no group
/// of this one.
///
/// # Errors
/// Raises 55000 if a group is to be made and this database is a copy that has the original's.
fn group(project: Uuid, index: Option<i32>, level: Level, make: Groups) -> Option<String> {
    let sql = "SELECT g.role_name::pg_catalog.text, \
                      EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) g.role_name) \
                 FROM pc_auth.group_role g \
                WHERE g.project_id OPERATOR(pg_catalog.=) $1 AND (g.index_id OPERATOR(pg_catalog.=) $2 OR g.index_id IS NULL AND $2 IS NULL) \
                  AND g.level::pg_catalog.text OPERATOR(pg_catalog.=) $3";
    if make == Groups::Make {
        turn::of_row(Some(project));
    }
    let params = [Param::uuid(project), Param::int(index), Param::text(level.letter())];
    let found: Option<(Option<String>, bool)> = read_as_owner(|| {
        run_now(sql, &params, |rows| (rows.count > 0).then(|| (rows.get(0, 0), rows.get(0, 1) == Some(true))))
    });
    if let Some((Some(name), true)) = &found
        && let Some(database) = other_database(name)
    {
        return match make {
            Groups::Make => refuse_copy(&database),
            Groups::Find => None,
        };
    }
    match (found, make) {
        (Some((name, true)), _) => name,
        (_, Groups::Find) => None,
        (Some((name, false)), Groups::Make) => {
            name.as_deref().map(sync_group);
            name
        }
        (None, Groups::Make) => {
            if !parents::hold_project(project) || !index.is_none_or(parents::hold_index) {
                return None;
            }
            let name = secret::group_name(index.is_some());
            let sql = "INSERT INTO pc_auth.group_role (role_name, project_id, index_id, level) VALUES ($1, $2, $3, $4)";
            let level = Param::of(pg_sys::CHAROID, (level.letter().as_bytes()[0] as i8).into_datum());
            let params = [Param::name(&name), Param::uuid(project), Param::int(index), level];
            as_owner(|| run(Mode::Write, sql, &params, |_| ()));
            Some(name)
        }
    }
}

/// Adds a group, if there is one, to the groups that a role is to be in.
fn also(groups: &mut Vec<String>, group: Option<String>) {
    if let Some(group) = group {
        push(groups, group).and_then(|()| check()).or_raise();
    }
}

/// Puts a role into groups, and out of all other groups of Conifer; of those of a project, where only one is meant.
fn join(member: &str, mut groups: Vec<String>, within: Option<Uuid>) -> bool {
    let sql = "SELECT g.rolname::pg_catalog.text FROM pg_catalog.pg_auth_members m \
                 JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) m.roleid \
                WHERE m.member OPERATOR(pg_catalog.=) $1::pg_catalog.regrole \
                  AND (EXISTS (SELECT FROM pc_auth.group_role o WHERE o.role_name OPERATOR(pg_catalog.=) g.rolname \
                                  AND ($2 IS NULL OR o.project_id OPERATOR(pg_catalog.=) $2)) \
                       OR g.rolname OPERATOR(pg_catalog.=) ANY ('{conifer_keys,conifer_people}'))";
    let quoted = quote_identifier(member);
    let params = [Param::text(&*quoted), Param::of(pg_sys::UUIDOID, within.and_then(IntoDatum::into_datum))];
    let mut has: Vec<String> =
        read_as_owner(|| run_now(sql, &params, |rows| rows.each(|row| rows.get(row, 0))));
    has.retain(|group| other_database(group).is_none());
    late_members::foresee(member, &mut has);
    groups.sort_unstable();
    groups.dedup();
    has.sort_unstable();
    let is_in = |all: &[String], group: &str| all.binary_search_by(|other| other.as_str().cmp(group)).is_ok();
    // Roles belong to the cluster: another database may have put this role into one of its groups.
    if is_in(&has, PEOPLE)
        && !is_in(&groups, PEOPLE)
        && (mark::is_elsewhere(member) || belongs_elsewhere(&quoted))
    {
        has.retain(|group| group != PEOPLE);
    }
    for group in groups.iter().filter(|group| !is_in(&has, group)) {
        add(group, member);
    }
    for group in has.iter().filter(|group| !is_in(&groups, group)) {
        if !late_members::change(group, member, false) {
            revoke_role(group, member);
        }
    }
    has != groups
}

/// Whether a role is in a group of another database.
fn belongs_elsewhere(quoted: &str) -> bool {
    let sql = format!(
        "SELECT FROM pg_catalog.pg_auth_members m
           JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) m.roleid
          WHERE m.member OPERATOR(pg_catalog.=) $1::pg_catalog.regrole
            AND g.rolname OPERATOR(pg_catalog.~) {}
            AND (NOT EXISTS (SELECT FROM pc_auth.group_role o WHERE o.role_name OPERATOR(pg_catalog.=) g.rolname)
                 OR {} IS NOT NULL)",
        pattern::GROUPS,
        elsewhere("g.rolname")
    );
    read_as_owner(|| run_now(&sql, &[Param::text(quoted)], |rows| rows.count > 0))
}

/// Puts a role into a group.
fn add(group: &str, member: &str) {
    if !late_members::change(group, member, true) {
        grant_role(group, member);
    }
}

fn scope(key: &str) -> Vec<Option<i32>> {
    let sql = "SELECT index_id FROM pc_auth.key_scope WHERE key_id OPERATOR(pg_catalog.=) $1";
    read_as_owner(|| run_now(sql, &[Param::text(key)], |rows| rows.each(|row| Some(rows.get(row, 0)))))
}

fn indexes(project: Uuid) -> Vec<i32> {
    let sql = "SELECT index_id FROM pc.index_reg WHERE project_id OPERATOR(pg_catalog.=) $1";
    read_as_owner(|| run_now(sql, &[Param::uuid(project)], |rows| rows.each(|row| rows.get(row, 0))))
}

fn default_project() -> Uuid {
    Uuid::from_bytes([0; 16])
}

/// Whether a role has a password: that of a key which was revoked, but could not be dropped, has none.
fn has_password(role: &str) -> bool {
    let sql = "SELECT FROM pg_catalog.pg_authid WHERE rolname OPERATOR(pg_catalog.=) $1 AND rolpassword IS NOT NULL";
    as_superuser(|| run_now(sql, &[Param::name(role)], |rows| rows.count > 0))
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

/// Makes the groups that a key or person will be in, before its row is written.
pub fn prepare(project: Uuid, indexes: Option<&[i32]>, data: Level) {
    turn::take_project(project);
    if data > Level::None {
        match indexes {
            None => drop(group(project, None, data, Groups::Make)),
            Some(indexes) => {
                indexes.iter().for_each(|index| drop(group(project, Some(*index), data, Groups::Make)))
            }
        }
    }
}
