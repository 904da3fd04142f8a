//! The principal that acts: the key that a pooled session has named, else the role of the session's outermost level.
//!
//! `current_user` does not tell: it is another role within a SECURITY DEFINER function. Answers from the catalogs are cached,
//! and read again when any row of them, or a role, has changed (`catalog.rs`): every question looks for that, which makes a
//! revocation count from the next statement on, whatever snapshot its transaction works with.
#![allow(unsafe_code)]

use super::confined::{is_confined, outer};
use super::lookup::{Asked, Resolved, project_name, read};
use super::{expiry, last_used, pooled_key};
use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::{OWNER, read_as_owner, role_named};
use crate::pinecone::access::refusal::{Event, refused};
use crate::pinecone::access::roles::home_database::TWO_WAYS;
use crate::pinecone::access::snapshot::{is_looking, latest};
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::{
    INSUFFICIENT_PRIVILEGE, INVALID_AUTHORIZATION, OBJECT_NOT_IN_PREREQUISITE_STATE, UNDEFINED_OBJECT,
};
use conifer_pure::pinecone::access::principal::{Kind, Principal, ProjectId};
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CString;
use std::rc::Rc;

/// `conifer.project`: the project that people and superusers act in. Every user may set it, as it only chooses among the
/// user's projects.
static PROJECT: GucSetting<Option<CString>> = GucSetting::<Option<CString>>::new(None);

/// Maximum number of cached answers: a session has few.
const MAX_KEPT: usize = 1000;

/// This session's cached answers.
#[derive(Default)]
struct Session {
    kept: HashMap<Asked, Resolved>,
    /// Hashes of keys' secrets, by the keys' roles.
    hashes: HashMap<String, Vec<u8>>,
    /// [`catalog::changes`] when these were read.
    changes: u64,
    /// A key has been asked for.
    is_key_seen: bool,
}

thread_local! {
    static SESSION: RefCell<Session> = RefCell::default();
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    SESSION.with(|_| ());
}

/// The principal that acts, in the named project or else in the one that is set. A key acts in its own project whatever is
/// named. A refusal is recorded as that of `event`.
///
/// # Errors
/// Raises 28000 for a key that is revoked or has expired, and where no key is in effect; 42501 for a role without
/// rights, 42704 for a project that does not exist; 55000 where the catalogs do not belong to `conifer_owner`.
pub fn principal(event: &Event<'_>, project: Option<&str>) -> Rc<Principal> {
    if catalog::table() == pg_sys::InvalidOid {
        let message = "schema \"pc_auth\" does not belong to role \"conifer_owner\"";
        raise(Fault::new(OBJECT_NOT_IN_PREREQUISITE_STATE, message).hint(
            "CREATE EXTENSION conifer makes it; ALTER SCHEMA pc_auth OWNER TO conifer_owner gives it back.",
        ));
    }
    match resolve(project.map(str::to_owned).or_else(project_set)) {
        Resolved::Is(principal) => principal,
        other => refuse(&other, event),
    }
}

/// As [`principal`], but none instead of an error for a role without rights, or in a database without the extension. Raises for
/// a key that is revoked.
pub fn principal_if_any() -> Option<Rc<Principal>> {
    if catalog::table() == pg_sys::InvalidOid {
        return None;
    }
    match resolve(project_set()) {
        Resolved::Is(principal) => Some(principal),
        refused @ (Resolved::Revoked(_)
        | Resolved::Elsewhere { .. }
        | Resolved::Roleless(_)
        | Resolved::Barred(_)) => refuse(&refused, &AUTHENTICATE),
        _ => None,
    }
}

/// The person that acts, in a project that is known by its number; none if no person acts, or the person has no role there.
pub fn person_in(project: &ProjectId) -> Option<Rc<Principal>> {
    if catalog::table() == pg_sys::InvalidOid || pooled_key::key().is_some() || is_confined() {
        return None;
    }
    let name = latest(|| read_as_owner(|| project_name(project)))?;
    match resolve(Some(name)) {
        Resolved::Is(principal) if principal.kind == Kind::Person => Some(principal),
        _ => None,
    }
}

/// Raises 28000 if a key acts that this session has seen and that is no longer valid, or if the session is logged in as one, whatever
/// role it has set since.
pub fn recheck() {
    // A session that has seen no key has none to lose; and queries of this module must not ask again.
    if SESSION.with_borrow(|session| session.is_key_seen) && !is_looking() {
        if let Some(who) = principal_if_any() {
            expiry::watch(&who);
        }
        if let Some(key) = pooled_key::stale() {
            let asked = Asked { role: acts_as(), key: Some(key), project: None };
            if let revoked @ (Resolved::Revoked(_) | Resolved::Barred(_)) = look_up(asked) {
                refuse(&revoked, &AUTHENTICATE);
            }
        }
        recheck_login();
    }
}

/// Raises 28000 if the session is logged in as a key that is no longer valid.
pub fn recheck_login() {
    if catalog::table() == pg_sys::InvalidOid || is_looking() {
        return;
    }
    // SAFETY: reads the session's user.
    let login = unsafe { pg_sys::GetSessionUserId() };
    match look_up(Asked { role: login, key: None, project: None }) {
        revoked @ (Resolved::Revoked(_) | Resolved::Barred(_)) => refuse(&revoked, &AUTHENTICATE),
        Resolved::Is(who) if who.kind == Kind::Key => expiry::watch(&who),
        _ => {}
    }
}

/// The event of a failed authentication.
const AUTHENTICATE: Event<'static> = Event { action: "authenticate", kind: "api_key", resource: "" };

/// Raises that no principal acts, and records the refusal: as that of `event`, or of an authentication without a valid key.
fn refuse(resolved: &Resolved, event: &Event<'_>) -> ! {
    let (event, fault) = match resolved {
        Resolved::Revoked(key) => {
            let message = format!("API key \"{key}\" is revoked or expired");
            (Event { resource: key, ..AUTHENTICATE }, Fault::new(INVALID_AUTHORIZATION, message))
        }
        Resolved::Elsewhere { key, database } => {
            let message =
                format!("API key \"{key}\" is not valid here: it belongs to database {}", quoted(database));
            let hint = format!("This is a copy of that database. {TWO_WAYS}");
            (Event { resource: key, ..AUTHENTICATE }, Fault::new(INVALID_AUTHORIZATION, message).hint(hint))
        }
        Resolved::Roleless(key) => {
            let message = format!("API key \"{key}\" is not valid here: it has no role");
            let hint = "pc_sync_roles() makes it after a restore; in a copy of a database, pc_make_independent() takes the original's keys out.";
            (Event { resource: key, ..AUTHENTICATE }, Fault::new(INVALID_AUTHORIZATION, message).hint(hint))
        }
        Resolved::Barred(key) => {
            let message = format!("API key \"{key}\" is not valid: its role may not log in");
            let hint = "ALTER ROLE ... LOGIN lets it; pc_revoke_api_key ends the key.";
            (Event { resource: key, ..AUTHENTICATE }, Fault::new(INVALID_AUTHORIZATION, message).hint(hint))
        }
        Resolved::Is(_) | Resolved::Gateway => (
            AUTHENTICATE,
            Fault::new(INVALID_AUTHORIZATION, "no API key is in effect")
                .hint("Call pc_use_key first, in the same transaction."),
        ),
        Resolved::NoProject(project) => {
            (*event, Fault::new(UNDEFINED_OBJECT, format!("project {} does not exist", quoted(project))))
        }
        Resolved::Nobody { name, project } => {
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

/// The project that is set, if any.
fn project_set() -> Option<String> {
    let name = PROJECT.get()?.to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

fn resolve(project: Option<String>) -> Resolved {
    look_up(Asked { role: acts_as(), key: pooled_key::key(), project })
}

/// The role that acts: the session's outermost one, with one exception.
///
/// Where a session runs code that belongs to another role, the server lends it that role's rights, as in a SECURITY DEFINER
/// function, or when a superuser or the autovacuum computes an index expression of a user's table. People and superusers
/// then act as that role: their own rights are not for the author of the function. Keys and pooled sessions stay what they
/// are, as no function may lend them more rights; but not on the control plane, whose functions do with more rights what they are told
/// (`judge/guard.rs`).
fn acts_as() -> pg_sys::Oid {
    match lent() {
        Some(other) if pooled_key::key().is_none() && !is_confined() => other,
        _ => outer(),
    }
}

/// The role whose code the session runs, if it is another one than the session's, and no superuser.
pub fn lent() -> Option<pg_sys::Oid> {
    let (mut current, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: within a transaction; reads the session's users, and looks up roles.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut current, &mut context);
        // This library runs statements as the owner and as a superuser, and a superuser may lend all rights.
        let ours = || current == role_named(OWNER) || pg_sys::superuser_arg(current);
        (current != pg_sys::GetOuterUserId() && !ours()).then_some(current)
    }
}

/// Forgets cached answers that may be wrong.
fn forget_changed() {
    let changes = catalog::changes();
    SESSION.with_borrow_mut(|session| {
        if session.changes != changes {
            session.kept.clear();
            session.hashes.clear();
            session.changes = changes;
        }
    });
}

/// The hash of the secret of a key, by the key's role; none if there is no such key. A revoked key has one, too.
pub fn secret_hash(role: &str) -> Option<Vec<u8>> {
    forget_changed();
    if let Some(hash) = SESSION.with_borrow(|session| session.hashes.get(role).cloned()) {
        return Some(hash);
    }
    let sql = "SELECT secret_hash FROM pc_auth.api_key WHERE key_id OPERATOR(pg_catalog.=) $1";
    let hash: Vec<u8> = latest(|| {
        read_as_owner(|| {
            run(Mode::Read, sql, &[Param::text(role)], |rows| {
                (rows.count > 0).then(|| rows.get(0, 0)).flatten()
            })
        })
    })?;
    SESSION.with_borrow_mut(|session| {
        if session.hashes.len() >= MAX_KEPT {
            session.hashes.clear();
        }
        session.hashes.insert(role.to_owned(), hash.clone());
    });
    Some(hash)
}

fn look_up(asked: Asked) -> Resolved {
    forget_changed();
    let kept = SESSION.with_borrow(|session| session.kept.get(&asked).cloned());
    let resolved = kept.unwrap_or_else(|| {
        let resolved = latest(|| read_as_owner(|| read(&asked)));
        SESSION.with_borrow_mut(|session| {
            if session.kept.len() >= MAX_KEPT {
                session.kept.clear();
            }
            session.kept.insert(asked, resolved.clone());
        });
        resolved
    });
    let key_seen = || SESSION.with_borrow_mut(|session| session.is_key_seen = true);
    match &resolved {
        Resolved::Revoked(_) | Resolved::Elsewhere { .. } | Resolved::Roleless(_) | Resolved::Barred(_) => {
            key_seen()
        }
        Resolved::Is(principal) if principal.kind == Kind::Key => {
            key_seen();
            // SAFETY: reads a clock.
            let now = unsafe { pg_sys::GetCurrentTimestamp() };
            if principal.expires.is_some_and(|end| end <= now) {
                return Resolved::Revoked(principal.name.clone());
            }
            last_used::note(&principal.name, now);
        }
        _ => {}
    }
    resolved
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

/// Reserves the prefix `conifer`: the server removes settings of that prefix that are not defined by now.
pub fn reserve() {
    // SAFETY: the prefix is ours.
    unsafe { pg_sys::MarkGUCPrefixReserved(c"conifer".as_ptr()) }
}
