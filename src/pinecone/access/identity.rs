//! Who acts: the key that a pooled session has named, else the role of the session's outermost level.
//!
//! `current_user` is not asked: it is somebody else within a SECURITY DEFINER function. What the catalogs say of a role is
//! kept, and read again when any row of theirs, or a role, has changed: [`AcceptInvalidationMessages`] at every question
//! makes a revocation count from the next statement on, whatever snapshot its transaction works with.
//!
//! [`AcceptInvalidationMessages`]: pg_sys::AcceptInvalidationMessages
#![allow(unsafe_code)]

use super::acting;
use super::elevate::{GATEWAY, KEYS, OWNER, PEOPLE, read_as_owner, role_named};
use super::hooks;
use super::last_used;
use super::refusal::{Event, refused};
use super::snapshot::{is_looking, latest};
use crate::pinecone::registry::DEFAULT_PROJECT;
use crate::pinecone::server::statement::{Mode, Param, Rows, run};
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::{INSUFFICIENT_PRIVILEGE, INVALID_AUTHORIZATION, UNDEFINED_OBJECT};
use conifer_pure::pinecone::access::key::is_role;
use conifer_pure::pinecone::access::level::{Level, Levels};
use conifer_pure::pinecone::access::principal::{Admin, Kind, Principal, ProjectId};
use conifer_pure::pinecone::access::role::{OrgRole, ProjectRole, Role};
use conifer_pure::pinecone::access::scope::{Names, Scope};
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, Uuid};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::ffi::{CStr, CString};
use std::rc::Rc;

/// `conifer.project`: the project that people and superusers act in. Anybody may set it, for it only chooses among those
/// that one belongs to.
static PROJECT: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);

/// What the catalogs say of somebody.
#[derive(Clone)]
enum Standing {
    Is(Rc<Principal>),
    Revoked(String),
    /// A pooled session that has named no key.
    Gateway,
    /// A role that nobody gave anything, and what it asked for.
    Nobody {
        name: String,
        project: Option<String>,
    },
    NoProject(String),
}

#[derive(PartialEq, Eq, Hash)]
struct Asked {
    role: pg_sys::Oid,
    key: Option<Rc<str>>,
    project: Option<CString>,
}

/// A question for who acts that nothing else is tried with.
const NOTHING: Event<'static> = Event { action: "authenticate", kind: "api_key", resource: "" };

/// Standings that are kept: a session has few.
const MOST: usize = 1000;

thread_local! {
    static KEPT: RefCell<HashMap<Asked, Standing>> = RefCell::default();
    /// Some of `KEPT` may be wrong.
    static STALE: Cell<bool> = const { Cell::new(true) };
    /// The table whose invalidation stands for that of all of them.
    static TABLE: Cell<pg_sys::Oid> = const { Cell::new(pg_sys::InvalidOid) };
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    /// The key that this session is logged in as: its role may be dropped meanwhile.
    static LOGIN: RefCell<Option<(pg_sys::Oid, String)>> = const { RefCell::new(None) };
    static KEY_SEEN: Cell<bool> = const { Cell::new(false) };
}

/// Whoever acts, in a project that is named or else in the one that is set. A key is in its own whatever is named. A refusal is
/// recorded as that of `event`.
///
/// # Errors
/// Raises 28000 for a key that is revoked or has expired, and where no key is in effect; 42501 for a role that has
/// nothing, 42704 for a project that does not exist.
pub fn principal(event: &Event<'_>, project: Option<&str>) -> Rc<Principal> {
    let named = project.map(|name| CString::new(name).unwrap_or_default());
    match standing(named.or_else(|| PROJECT.get())) {
        Standing::Is(principal) => principal,
        other => refuse(&other, event),
    }
}

/// Raises that nobody acts, and records it: as that of `event`, unless it is for want of a valid key.
fn refuse(standing: &Standing, event: &Event<'_>) -> ! {
    let authenticate = |key| Event { action: "authenticate", kind: "api_key", resource: key };
    let (event, fault) = match standing {
        Standing::Revoked(key) => {
            let message = format!("API key \"{key}\" is revoked or expired");
            (authenticate(key), Fault::new(INVALID_AUTHORIZATION, message))
        }
        Standing::Is(_) | Standing::Gateway => (
            authenticate(""),
            Fault::new(INVALID_AUTHORIZATION, "no API key is in effect")
                .hint("Call pc_use_key first, in the same transaction."),
        ),
        Standing::NoProject(project) => {
            (*event, Fault::new(UNDEFINED_OBJECT, format!("project {} does not exist", quoted(project))))
        }
        Standing::Nobody { name, project } => {
            let project = project
                .as_ref()
                .map_or_else(|| "any project".into(), |name| format!("project {}", quoted(name)));
            let message = format!("permission denied: role \"{name}\" has no access to {project}");
            let hint = "An owner of the project can give it a role with pc_grant_role.";
            (*event, Fault::new(INSUFFICIENT_PRIVILEGE, message).hint(hint))
        }
    };
    refused(None, &event, fault)
}

/// As [`principal`], but nobody instead of an error where nothing was given, or in a database without the extension. A key
/// that is revoked raises.
pub fn principal_if_any() -> Option<Rc<Principal>> {
    if TABLE.get() == pg_sys::InvalidOid && table() == pg_sys::InvalidOid {
        return None;
    }
    match standing(PROJECT.get()) {
        Standing::Is(principal) => Some(principal),
        revoked @ Standing::Revoked(_) => refuse(&revoked, &NOTHING),
        _ => None,
    }
}

/// Raises 28000 if the key that acts, as far as one has been asked for, is no longer valid.
pub fn recheck() {
    // Where no key was ever asked for there is nothing that could be taken; and we ask ourselves.
    if KEY_SEEN.get() && !is_looking() {
        principal_if_any();
        if let Some(key) = acting::spent() {
            let asked = Asked { role: acts_as(), key: Some(key), project: None };
            if let revoked @ Standing::Revoked(_) = look_up(asked) {
                refuse(&revoked, &NOTHING);
            }
        }
    }
}

fn standing(project: Option<CString>) -> Standing {
    look_up(Asked { role: acts_as(), key: acting::key(), project })
}

/// The role whose doing it is: the session's outermost one, with one exception.
///
/// Where somebody runs what belongs to another role, the server lends them that one's rights, as in a SECURITY DEFINER
/// function, or when a superuser or the autovacuum computes an index expression of somebody's table. People and superusers
/// then act as that role: their own rights are not for whoever wrote the function. Keys and pooled sessions stay what they
/// are, for nobody's function is to lend them more.
fn acts_as() -> pg_sys::Oid {
    let (mut current, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: within a transaction; reads who the session is, and looks up roles.
    unsafe {
        let outer = pg_sys::GetOuterUserId();
        pg_sys::GetUserIdAndSecContext(&mut current, &mut context);
        // We ourselves run statements as the owner and as a superuser, and a superuser may lend all there is.
        let ours = || current == role_named(OWNER) || pg_sys::superuser_arg(current);
        if current == outer || acting::key().is_some() || ours() || hooks::is_held() {
            outer
        } else {
            current
        }
    }
}

fn look_up(asked: Asked) -> Standing {
    watch();
    // SAFETY: within a transaction; reads messages of others, as every lock on a table does.
    unsafe { pg_sys::AcceptInvalidationMessages() }
    if STALE.replace(false) {
        KEPT.take();
    }
    let kept = KEPT.with_borrow(|kept| kept.get(&asked).cloned());
    let standing = kept.unwrap_or_else(|| {
        let standing = latest(|| read(&asked));
        KEPT.with_borrow_mut(|kept| {
            if kept.len() >= MOST {
                kept.clear();
            }
            kept.insert(asked, standing.clone());
        });
        standing
    });
    if matches!(standing, Standing::Revoked(_)) {
        KEY_SEEN.set(true);
    }
    let Standing::Is(principal) = &standing else { return standing };
    if principal.kind == Kind::Key {
        KEY_SEEN.set(true);
        // SAFETY: reads a clock.
        let now = unsafe { pg_sys::GetCurrentTimestamp() };
        if principal.expires.is_some_and(|end| end <= now) {
            return Standing::Revoked(principal.name.clone());
        }
        last_used::note(&principal.name, now);
    }
    standing
}

fn read(asked: &Asked) -> Standing {
    if let Some(key) = &asked.key {
        return read_as_owner(|| read_key(key)).unwrap_or_else(|| Standing::Revoked(key.to_string()));
    }
    // SAFETY: look-ups of roles; a name is copied out of memory that the statement owns.
    let (name, superuser, gateway, key, person) = unsafe {
        let name = pg_sys::GetUserNameFromId(asked.role, true);
        if name.is_null() {
            let login = LOGIN.with_borrow(|login| login.clone().filter(|(role, _)| *role == asked.role));
            return match login {
                Some((_, key)) => Standing::Revoked(key),
                None => Standing::Nobody { name: "unknown".into(), project: None },
            };
        }
        let member = |group: &CStr| {
            let group = role_named(group);
            group != pg_sys::InvalidOid && pg_sys::is_member_of_role_nosuper(asked.role, group)
        };
        (
            CStr::from_ptr(name).to_string_lossy().into_owned(),
            pg_sys::superuser_arg(asked.role),
            member(GATEWAY),
            member(KEYS),
            member(PEOPLE),
        )
    };
    if superuser {
        return read_as_owner(|| read_superuser(&name, asked.project.as_deref()));
    }
    if key && is_role(&name) {
        LOGIN.set(Some((asked.role, name.clone())));
        return read_as_owner(|| read_key(&name)).unwrap_or(Standing::Revoked(name));
    }
    if person {
        return read_as_owner(|| read_person(asked.role, &name, asked.project.as_deref()));
    }
    if gateway {
        return Standing::Gateway;
    }
    // The row of a key that was revoked is there still; its role is in no group any more.
    if is_role(&name) && read_as_owner(|| read_key(&name)).is_some() {
        return Standing::Revoked(name);
    }
    Standing::Nobody { name, project: None }
}

/// A key whose project is not there, as in a restore that has not come that far, is none.
fn read_key(key: &str) -> Option<Standing> {
    let sql = "SELECT project_id, control_plane::pg_catalog.text, data_plane::pg_catalog.text, scoped, \
                      expires_at, revoked_at IS NOT NULL \
                 FROM pc_auth.api_key k WHERE k.key_id OPERATOR(pg_catalog.=) $1 \
                  AND EXISTS (SELECT FROM pc_auth.project p WHERE p.project_id OPERATOR(pg_catalog.=) k.project_id)";
    let (mut principal, scoped, revoked) = run(Mode::Read, sql, &[Param::text(key)], |rows| {
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
            (principal, rows.get::<bool>(0, 3) == Some(true), rows.get::<bool>(0, 5) != Some(false))
        })
    })?;
    if revoked {
        return Some(Standing::Revoked(key.to_owned()));
    }
    if scoped {
        principal.scope = read_scope(key);
    }
    Some(Standing::Is(Rc::new(principal)))
}

/// The scope of a key that has one. Runs as the owner.
pub fn read_scope(key: &str) -> Scope {
    let sql = "SELECT index_id, namespaces FROM pc_auth.key_scope WHERE key_id OPERATOR(pg_catalog.=) $1";
    run(Mode::Read, sql, &[Param::text(key)], |rows| {
        let index = |row| {
            let namespaces = rows.get::<Vec<Option<String>>>(row, 1);
            let names =
                namespaces.map_or(Names::All, |names| Names::These(names.into_iter().flatten().collect()));
            (rows.get::<i32>(row, 0).unwrap_or_default(), names)
        };
        Scope::Indexes((0..rows.count as usize).map(index).collect::<BTreeMap<_, _>>())
    })
}

fn read_superuser(name: &str, wanted: Option<&CStr>) -> Standing {
    let Some(project) = project_named(wanted) else { return no_project(wanted) };
    let admin = Admin { lists_keys: true, keys: true, members: true, projects: true, organisation: true };
    Standing::Is(Rc::new(Principal {
        kind: Kind::Superuser,
        name: name.to_owned(),
        project,
        levels: Levels::ALL,
        scope: Scope::Project,
        admin,
        expires: None,
    }))
}

/// A person has the roles that were given to them, or to a role whose rights they have; one who was given none has
/// the default role.
fn read_person(role: pg_sys::Oid, name: &str, wanted: Option<&CStr>) -> Standing {
    let Some(default) = project_named(None) else { return no_project(wanted) };
    // By number: a role that was dropped and made again under the same name is another one.
    let sql = "SELECT m.role, m.project_id FROM pc_auth.member m JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.role_oid \
                WHERE pg_catalog.pg_has_role($1, r.oid, 'USAGE') \
                  AND (m.project_id IS NULL OR EXISTS (SELECT FROM pc_auth.project p WHERE p.project_id OPERATOR(pg_catalog.=) m.project_id)) \
                  AND EXISTS (SELECT FROM pg_catalog.pg_auth_members g \
                               WHERE g.member OPERATOR(pg_catalog.=) r.oid AND g.roleid OPERATOR(pg_catalog.=) $2)";
    let group = role_named(PEOPLE);
    let params =
        [Param::of(pg_sys::OIDOID, Some(role.into())), Param::of(pg_sys::OIDOID, Some(group.into()))];
    let mut given = run(Mode::Read, sql, &params, |rows| given_in(&rows));
    if given.is_empty() {
        let sql =
            "SELECT default_role, default_project FROM pc_auth.organisation WHERE default_role IS NOT NULL";
        given = run(Mode::Read, sql, &[], |rows| given_in(&rows));
    }
    let org: Vec<OrgRole> = given
        .iter()
        .filter_map(|(role, _)| if let Role::Org(role) = role { Some(*role) } else { None })
        .collect();
    let on: Vec<(ProjectRole, ProjectId)> = given
        .iter()
        .filter_map(|(role, project)| match (role, project) {
            (Role::Project(role), project) => Some((*role, project.unwrap_or(default))),
            _ => None,
        })
        .collect();
    let owner = org.contains(&OrgRole::Owner);
    let manager = owner || org.contains(&OrgRole::Manager);
    // Who belongs to one project alone need not name it.
    let only = on.first().filter(|first| on.iter().all(|other| other.1 == first.1)).map(|first| first.1);
    let project = match wanted.filter(|wanted| !wanted.is_empty()) {
        Some(_) => match project_named(wanted) {
            Some(project) => project,
            // Whether it exists is for those who belong to it to know.
            None if owner => return no_project(wanted),
            None => return nobody(name, wanted),
        },
        None => only.filter(|_| !owner).unwrap_or(default),
    };
    let here: Vec<ProjectRole> =
        on.iter().filter(|(_, other)| *other == project).map(|(role, _)| *role).collect();
    if here.is_empty() && !manager {
        return nobody(name, wanted);
    }
    let has = |role| here.contains(&role);
    let mut levels = here.iter().fold(Levels::default(), |levels, role| levels.union(role.levels()));
    if owner {
        levels = Levels::ALL;
    }
    let keys = owner || has(ProjectRole::Owner) || has(ProjectRole::Manager);
    let admin = Admin {
        lists_keys: keys || has(ProjectRole::Member),
        keys,
        members: manager || has(ProjectRole::Owner),
        projects: manager,
        organisation: owner,
    };
    let (name, scope) = (name.to_owned(), Scope::Project);
    Standing::Is(Rc::new(Principal {
        kind: Kind::Person,
        name,
        project,
        levels,
        scope,
        admin,
        expires: None,
    }))
}

fn given_in(rows: &Rows) -> Vec<(Role, Option<ProjectId>)> {
    (0..rows.count as usize)
        .filter_map(|row| {
            let role = Role::from_name(&rows.get::<String>(row, 0)?).ok()?;
            Some((role, rows.get::<Uuid>(row, 1).map(|id| *id.as_bytes())))
        })
        .collect()
}

fn nobody(name: &str, wanted: Option<&CStr>) -> Standing {
    let project = wanted.filter(|name| !name.is_empty()).map(|name| name.to_string_lossy().into_owned());
    Standing::Nobody { name: name.to_owned(), project }
}

fn no_project(wanted: Option<&CStr>) -> Standing {
    Standing::NoProject(wanted.map_or_else(|| "default".into(), |name| name.to_string_lossy().into_owned()))
}

/// A project by its name; the default one for none.
fn project_named(name: Option<&CStr>) -> Option<ProjectId> {
    let sql = format!(
        "SELECT project_id FROM pc_auth.project \
          WHERE CASE WHEN $1 IS NULL THEN project_id OPERATOR(pg_catalog.=) '{DEFAULT_PROJECT}'::pg_catalog.uuid \
                     ELSE name OPERATOR(pg_catalog.=) $1 END"
    );
    let name = name.filter(|name| !name.is_empty()).map(|name| name.to_string_lossy().into_owned());
    run(Mode::Read, &sql, &[Param::text(name.as_deref())], |rows| {
        (rows.count > 0).then(|| project_in(&rows, 0, 0))
    })
}

fn project_in(rows: &Rows, row: usize, column: usize) -> ProjectId {
    rows.get::<Uuid>(row, column).map(|id| *id.as_bytes()).unwrap_or_default()
}

/// Asks to be told when rows or roles change.
fn watch() {
    if TABLE.get() == pg_sys::InvalidOid {
        TABLE.set(table());
    }
    if !WATCHING.replace(true) {
        // SAFETY: callbacks that live as long as the library, which is never unloaded.
        unsafe {
            pg_sys::CacheRegisterRelcacheCallback(Some(on_table), pg_sys::Datum::null());
            for cache in [pg_sys::SysCacheIdentifier::AUTHOID, pg_sys::SysCacheIdentifier::AUTHMEMROLEMEM] {
                pg_sys::CacheRegisterSyscacheCallback(cache as i32, Some(on_role), pg_sys::Datum::null());
            }
        }
    }
}

/// `pc_auth.api_key`, if it is there.
pub fn table() -> pg_sys::Oid {
    // SAFETY: look-ups by name.
    unsafe {
        let schema = pg_sys::get_namespace_oid(c"pc_auth".as_ptr(), true);
        if schema == pg_sys::InvalidOid {
            schema
        } else {
            pg_sys::get_relname_relid(c"api_key".as_ptr(), schema)
        }
    }
}

/// Tells all sessions that what they know of keys and people may be wrong, when the transaction commits.
pub fn changed() {
    let table = table();
    if table != pg_sys::InvalidOid {
        // SAFETY: an existing table.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(table) }
    }
}

// Neither raises nor panics.
unsafe extern "C-unwind" fn on_table(_: pg_sys::Datum, table: pg_sys::Oid) {
    if table == pg_sys::InvalidOid || table == TABLE.get() || TABLE.get() == pg_sys::InvalidOid {
        TABLE.set(pg_sys::InvalidOid);
        STALE.set(true);
    }
}

unsafe extern "C-unwind" fn on_role(_: pg_sys::Datum, _: i32, _: u32) {
    STALE.set(true);
}

/// Defines the setting.
pub fn init() {
    GucRegistry::define_string_guc(
        c"conifer.project",
        c"Sets the project that people act in.",
        c"API keys act in their own.",
        &PROJECT,
        GucContext::Userset,
        GucFlags::default(),
    );
}

/// Says that there are no other settings of that prefix: those that are not defined by now are removed.
pub fn reserve() {
    // SAFETY: the prefix is ours.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"conifer".as_ptr()) }
}
