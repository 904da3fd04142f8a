//! Looks up principals in the catalogs: as the owner, under a snapshot of now.
#![allow(unsafe_code)]

use super::confined::is_member;
use crate::pg::error::OrRaise;
use crate::pg::spi::{Mode, Param, Rows, run};
use crate::pinecone::access::elevate::{GATEWAY, KEYS, PEOPLE, role_named};
use crate::pinecone::access::roles::home_database::elsewhere;
use crate::pinecone::registry::DEFAULT_PROJECT;
use conifer_pure::memory::allocation::{headroom, push};
use conifer_pure::pinecone::access::api_key::{is_group, is_role};
use conifer_pure::pinecone::access::level::{Level, Levels};
use conifer_pure::pinecone::access::person::{Named, NoAccess};
use conifer_pure::pinecone::access::principal::{Admin, Kind, Principal, ProjectId};
use conifer_pure::pinecone::access::role::Role;
use conifer_pure::pinecone::access::scope::{Names, Scope};
use pgrx::Uuid;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

/// A question: the role or key that acts, and the project.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    /// The role that acts.
    pub role: pg_sys::Oid,
    /// The key that the role acts as, in a pooled session.
    pub key: Option<Rc<str>>,
    /// The project that is named.
    pub project: Option<String>,
}

/// The answer to a question.
#[derive(Clone)]
pub enum Resolved {
    /// A principal.
    Is(Rc<Principal>),
    /// A key that is revoked, has expired, or does not exist.
    Revoked(String),
    /// A key that belongs to the database that this one is a copy of.
    Elsewhere {
        /// The key.
        key: String,
        /// The name of the other database.
        database: String,
    },
    /// A key without a role, in a copy of the database that has it, or before a restore has made roles.
    Roleless(String),
    /// A key whose role may not log in.
    Barred(String),
    /// A pooled session that has named no key.
    Gateway,
    /// A role without rights, in the project that it asked for.
    Nobody {
        /// The role's name.
        name: String,
        /// The project that was named.
        project: Option<String>,
    },
    /// The project does not exist.
    NoProject(String),
}

thread_local! {
    /// The keys that this session has acted as, by the number of their roles, which may be dropped meanwhile.
    static KEYS_BEEN: RefCell<HashMap<pg_sys::Oid, String>> = RefCell::default();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    KEYS_BEEN.with(|_| ());
}

/// Answers a question.
pub fn read(asked: &Asked) -> Resolved {
    if let Some(key) = &asked.key {
        return read_key(key).unwrap_or_else(|| Resolved::Revoked(key.to_string()));
    }
    let role = asked.role;
    let Some(name) = name_of(role) else {
        return match KEYS_BEEN.with_borrow(|been| been.get(&role).cloned()) {
            Some(key) => Resolved::Revoked(key),
            None => Resolved::Nobody { name: "unknown".into(), project: None },
        };
    };
    let wanted = asked.project.as_deref();
    // SAFETY: a look-up of a role.
    if unsafe { pg_sys::superuser_arg(role) } {
        return match project_named(wanted) {
            Some(project) => is(Principal::superuser(name, project)),
            None => no_project(wanted),
        };
    }
    if is_role(&name) && is_member(role, KEYS) {
        KEYS_BEEN.with_borrow_mut(|been| been.insert(role, name.clone()));
        return read_key(&name).unwrap_or(Resolved::Revoked(name));
    }
    if is_group(&name) {
        return Resolved::Nobody { name, project: None };
    }
    // A pool's role may be a person's as well, by itself or by a group of the person's: the pool has it, and must be nobody.
    if is_member(role, GATEWAY) {
        return Resolved::Gateway;
    }
    if is_member(role, PEOPLE) {
        return read_person(role, name, wanted);
    }
    // The row of a key that was revoked is there still; its role is in no group any more.
    if is_role(&name) && read_key(&name).is_some() {
        return Resolved::Revoked(name);
    }
    Resolved::Nobody { name, project: None }
}

/// The answer for a key; none if the key or its project is not there, as in a restore that has not come that far.
fn read_key(key: &str) -> Option<Resolved> {
    let sql = format!(
        "SELECT project_id, control_plane::pg_catalog.text, data_plane::pg_catalog.text, scoped,
                expires_at, revoked_at IS NOT NULL, {},
                (SELECT r.rolcanlogin FROM pg_catalog.pg_auth_members g JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) g.member
                  WHERE r.rolname OPERATOR(pg_catalog.=) k.key_id::pg_catalog.name AND g.roleid OPERATOR(pg_catalog.=) $2 LIMIT 1)
           FROM pc_auth.api_key k WHERE k.key_id OPERATOR(pg_catalog.=) $1
            AND EXISTS (SELECT FROM pc_auth.project p WHERE p.project_id OPERATOR(pg_catalog.=) k.project_id)",
        elsewhere("k.key_id::pg_catalog.name")
    );
    let params = [Param::text(key), Param::oid(role_named(KEYS))];
    let (mut principal, scoped, revoked, database, may_log_in) = run(Mode::Read, &sql, &params, |rows| {
        (rows.count > 0).then(|| {
            let level = |column| Level::from_letter(&rows.get::<String>(0, column).unwrap_or_default());
            let principal = Principal {
                kind: Kind::Key,
                name: key.to_owned(),
                project: project_in(&rows, 0, 0),
                levels: Levels { control: level(1), data: level(2) },
                scope: Scope::Project,
                admin: Admin::default(),
                expires: rows.get::<TimestampWithTimeZone>(0, 4).map(i64::from),
            };
            // An unknown value is taken for the one that allows less.
            let (scoped, revoked) =
                (rows.get::<bool>(0, 3) != Some(false), rows.get::<bool>(0, 5) != Some(false));
            (principal, scoped, revoked, rows.get::<String>(0, 6), rows.get::<bool>(0, 7))
        })
    })?;
    if revoked {
        return Some(Resolved::Revoked(key.to_owned()));
    }
    if let Some(database) = database {
        return Some(Resolved::Elsewhere { key: key.to_owned(), database });
    }
    match may_log_in {
        Some(true) => {}
        Some(false) => return Some(Resolved::Barred(key.to_owned())),
        // What revokes a key in the original leaves the row in a copy, and no role.
        None => return Some(Resolved::Roleless(key.to_owned())),
    }
    if scoped {
        principal.scope = read_scope(key);
    }
    Some(is(principal))
}

/// The scope of a key that is limited.
pub fn read_scope(key: &str) -> Scope {
    let sql = "SELECT index_id, namespaces FROM pc_auth.key_scope WHERE key_id OPERATOR(pg_catalog.=) $1";
    run(Mode::Read, sql, &[Param::text(key)], |rows| {
        let index = |row| {
            let namespaces = rows.get::<Vec<Option<String>>>(row, 1);
            let names =
                namespaces.map_or(Names::All, |names| Names::These(names.into_iter().flatten().collect()));
            Some((rows.get::<i32>(row, 0).unwrap_or_default(), names))
        };
        let all = rows.each(index);
        // The nodes of the map are small, but many.
        headroom(2 * size_of_val(&all[..])).or_raise();
        Scope::Indexes(all.into_iter().collect())
    })
}

/// The answer for a person: with the roles that were given to the role itself, or to a role whose privileges it inherits, and
/// the default role.
fn read_person(role: pg_sys::Oid, name: String, wanted: Option<&str>) -> Resolved {
    let Some(default) = project_named(None) else { return no_project(wanted) };
    let named = match wanted {
        None => Named::Nothing,
        Some(_) => project_named(wanted).map_or(Named::Missing, Named::Project),
    };
    match Principal::person(&name, &read_given(role), default, named) {
        Ok(principal) => is(principal),
        Err(NoAccess::NoProject) => no_project(wanted),
        Err(NoAccess::Nothing) => Resolved::Nobody { name, project: wanted.map(str::to_owned) },
    }
}

/// The roles that were given to a role, and the default role, in the order of [`place`]. The default role adds to what is given on other projects
/// than its own, where what is given takes its place.
fn read_given(role: pg_sys::Oid) -> Vec<(Role, Option<ProjectId>)> {
    // By number: a role that was dropped and made again under the same name is another one.
    let sql = "SELECT m.role, m.project_id, m.role_oid OPERATOR(pg_catalog.=) $1, m.by_hand \
                 FROM pc_auth.member m JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.role_oid \
                WHERE pg_catalog.pg_has_role($1, r.oid, 'USAGE') \
                  AND (m.project_id IS NULL OR EXISTS (SELECT FROM pc_auth.project p WHERE p.project_id OPERATOR(pg_catalog.=) m.project_id)) \
                  AND EXISTS (SELECT FROM pg_catalog.pg_auth_members g \
                               WHERE g.member OPERATOR(pg_catalog.=) r.oid AND g.roleid OPERATOR(pg_catalog.=) $2) \
                ORDER BY m.granted_at, m.project_id";
    let params = [Param::oid(role), Param::oid(role_named(PEOPLE))];
    let (mut given, by_hand) = run(Mode::Read, sql, &params, |rows| {
        let is = |row, column| rows.get::<bool>(row, column) == Some(true);
        let by_hand = (0..rows.count as usize).any(|row| is(row, 2) && is(row, 3));
        (rows.each(|row| Some((given_in(&rows, row)?, is(row, 2)))), by_hand)
    });
    let sql = "SELECT default_role, default_project FROM pc_auth.organisation WHERE default_role IS NOT NULL";
    let default = run(Mode::Read, sql, &[], |rows| rows.each(|row| given_in(&rows, row))).into_iter().next();
    if let Some((default_role, project)) = default {
        let project = project.or_else(|| project_named(None));
        if !given.iter().any(|((_, on), _)| on.is_some() && *on == project) {
            push(&mut given, ((default_role, project), false)).or_raise();
        }
        given.sort_by_key(|((_, on), is_own)| place(*is_own, on.is_some() && *on == project, by_hand));
    } else {
        given.sort_by_key(|(_, is_own)| !is_own);
    }
    given.into_iter().map(|(given, _)| given).collect()
}

/// The place of what a person has among all of it, of which the first is acted by: what was given to the person, the earliest first; the default role, or what
/// takes its place on its project; and what comes with other roles, whose givers and members need not know of the person. The default project comes before all of
/// it for a person who was among the people before being given anything, and has worked there.
fn place(is_own: bool, is_on_default: bool, by_hand: bool) -> u8 {
    match (is_own, is_on_default) {
        (_, true) if by_hand => 0,
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 3,
    }
}

/// A role, and the project that it is on, of a row that begins with both.
fn given_in(rows: &Rows, row: usize) -> Option<(Role, Option<ProjectId>)> {
    let role = Role::from_name(&rows.get::<String>(row, 0)?).ok()?;
    Some((role, rows.get::<Uuid>(row, 1).map(|id| *id.as_bytes())))
}

/// A project by its name; the default one for none.
fn project_named(name: Option<&str>) -> Option<ProjectId> {
    let sql = format!(
        "SELECT project_id FROM pc_auth.project \
          WHERE CASE WHEN $1 IS NULL THEN project_id OPERATOR(pg_catalog.=) '{DEFAULT_PROJECT}'::pg_catalog.uuid \
                     ELSE name OPERATOR(pg_catalog.=) $1 END"
    );
    run(Mode::Read, &sql, &[Param::text(name)], |rows| (rows.count > 0).then(|| project_in(&rows, 0, 0)))
}

/// The name of a project, if it is there.
pub fn project_name(project: &ProjectId) -> Option<String> {
    let sql = "SELECT name FROM pc_auth.project WHERE project_id OPERATOR(pg_catalog.=) $1";
    run(Mode::Read, sql, &[Param::uuid(Uuid::from_bytes(*project))], |rows| {
        (rows.count > 0).then(|| rows.get(0, 0)).flatten()
    })
}

fn project_in(rows: &Rows, row: usize, column: usize) -> ProjectId {
    rows.get::<Uuid>(row, column).map(|id| *id.as_bytes()).unwrap_or_default()
}

fn no_project(wanted: Option<&str>) -> Resolved {
    Resolved::NoProject(wanted.unwrap_or("default").to_owned())
}

fn is(principal: Principal) -> Resolved {
    Resolved::Is(Rc::new(principal))
}

/// The name of a role, if it is there.
fn name_of(role: pg_sys::Oid) -> Option<String> {
    // SAFETY: a look-up of a role; the name is copied out of memory that the statement owns.
    unsafe {
        let name = pg_sys::GetUserNameFromId(role, true);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}
