//! Groups of projects and of indexes, which have the privileges on tables: made when the first key or person needs them.

use super::home_database::{claim, other_database, refuse_copy};
use super::membership::add;
use super::privileges::grant;
use super::removal::drop_role;
use super::role::exists;
use super::strangers::set_aside;
use super::{late_grants, library, turn};
use crate::pg::error::OrRaise;
use crate::pg::spi::{Mode, Param, run, run_now, run_once};
use crate::pinecone::access::elevate::{as_owner, as_superuser, read_as_owner};
use crate::pinecone::access::{parents, secret};
use conifer_pure::memory::allocation::{check, push};
use conifer_pure::pinecone::access::level::Level;
use conifer_pure::pinecone::access::role::{OrgRole, Role};
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;
use pgrx::{IntoDatum, Uuid};

/// The treatment of a group that is wanted and has no row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    /// Make the group.
    Make,
    /// Leave the group: in a restore its row is yet to come, and brings its members in.
    Find,
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

/// The group with a level on a project, or on an index for keys that are limited to some indexes. A group's row without a role
/// has come in by a statement that makes the role in its turn, with its members. A role that belongs to another database is no group
/// of this one.
///
/// # Errors
/// Raises 55000 if a group is to be made and this database is a copy that has the original's.
pub fn group(project: Uuid, index: Option<i32>, level: Level, make: Groups) -> Option<String> {
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
pub fn also(groups: &mut Vec<String>, group: Option<String>) {
    if let Some(group) = group {
        push(groups, group).and_then(|()| check()).or_raise();
    }
}

fn indexes(project: Uuid) -> Vec<i32> {
    let sql = "SELECT index_id FROM pc.index_reg WHERE project_id OPERATOR(pg_catalog.=) $1";
    read_as_owner(|| run_now(sql, &[Param::uuid(project)], |rows| rows.each(|row| rows.get(row, 0))))
}

/// The project `default`.
pub fn default_project() -> Uuid {
    Uuid::from_bytes([0; 16])
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
