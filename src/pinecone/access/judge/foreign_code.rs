//! Code on a user's table that is an index: who reads the index runs its policies, who writes to it its triggers.
//!
//! A table's owner is answered for by nobody: functions of theirs would run with the rights of keys, people and superusers who call
//! a function of the API. So an index is refused to all but the owner while its table has code that neither the server nor a superuser
//! answers for. The answer is remembered until the server says that the table, a function, a type or a role has changed.
#![allow(unsafe_code)]

use super::table::{index_of, is_view};
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::elevate::read_as_owner;
use crate::pinecone::access::snapshot::latest;
use conifer_pure::Fault;
use conifer_pure::fault::state::INSUFFICIENT_PRIVILEGE;
use pgrx::IntoDatum;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

/// The code on the tables `$1`, an array of OIDs: table, whether it is for writers only, what it is, and a hint.
pub const FOUND: &str = include_str!("foreign_code.sql");

/// Maximum number of remembered views.
const MAX_KEPT: usize = 10_000;

/// Code that nobody answers for.
#[derive(Clone)]
pub struct Code {
    /// What it is, and where.
    pub what: String,
    /// How to be rid of it.
    pub hint: String,
}

/// What was found on the table behind a view.
struct Judged {
    /// The table; `InvalidOid` if there is none.
    source: pg_sys::Oid,
    owner: pg_sys::Oid,
    /// The first that runs for readers, and for writers.
    reading: Option<Code>,
    writing: Option<Code>,
}

thread_local! {
    /// What is known of views.
    static KEPT: RefCell<HashMap<pg_sys::Oid, Rc<Judged>>> = RefCell::default();
    /// Messages that what is known may be wrong.
    static CHANGES: Cell<u64> = const { Cell::new(0) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    KEPT.with(|_| ());
    CHANGES.with(|_| ());
}

/// Registers callbacks for changes of tables, functions, types, casts and roles. Called when the library is loaded.
pub fn init() {
    use pg_sys::SysCacheIdentifier::{AUTHOID, CASTSOURCETARGET, PROCOID, TYPEOID};
    // SAFETY: callbacks that live as long as the library, which is never unloaded.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_table), pg_sys::Datum::null());
        for cache in [AUTHOID, CASTSOURCETARGET, PROCOID, TYPEOID] {
            pg_sys::CacheRegisterSyscacheCallback(cache as i32, Some(on_object), pg_sys::Datum::null());
        }
    }
}

// The callbacks neither raise nor panic.
unsafe extern "C-unwind" fn on_table(_: pg_sys::Datum, table: pg_sys::Oid) {
    forget(|view, judged| table == pg_sys::InvalidOid || table == view || table == judged.source);
}

unsafe extern "C-unwind" fn on_object(_: pg_sys::Datum, _: i32, _: u32) {
    forget(|_, _| true);
}

fn forget(is_old: impl Fn(pg_sys::Oid, &Judged) -> bool) {
    let _ = CHANGES.try_with(|changes| changes.set(changes.get().wrapping_add(1)));
    let _ = KEPT.try_with(|kept| {
        if let Ok(mut kept) = kept.try_borrow_mut()
            && !kept.is_empty()
        {
            kept.retain(|view, judged| !is_old(*view, judged));
        }
    });
}

/// The refusal of an index's view to the role that acts now, which reads it or writes to it; none if its table runs no code of
/// others, or the role has the rights of the table's owner.
pub fn refusal(view: pg_sys::Oid, writes: bool) -> Option<Fault> {
    let judged = judged(view);
    let code = judged.reading.as_ref().or(judged.writing.as_ref().filter(|_| writes))?;
    // SAFETY: look-ups of roles and a name, within a transaction; the name is copied.
    let name = unsafe {
        let who = pg_sys::GetUserId();
        // A superuser has the rights of all roles, and may lose most.
        if who == judged.owner || !pg_sys::superuser_arg(who) && pg_sys::has_privs_of_role(who, judged.owner)
        {
            return None;
        }
        let name = pg_sys::get_rel_name(view);
        if name.is_null() { "?".into() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    };
    let fault = format!("permission denied for view {name}: {} would run with your rights", code.what);
    Some(Fault::new(INSUFFICIENT_PRIVILEGE, fault).hint(code.hint.clone()))
}

/// The table behind an index's view; none for what is no index's view.
pub fn source(view: pg_sys::Oid) -> Option<pg_sys::Oid> {
    (is_view(view) && index_of(view).is_some()).then(|| judged(view).source)
}

/// The code on a table.
pub fn on(table: pg_sys::Oid) -> Option<Code> {
    let (reading, writing) = look(table);
    reading.or(writing)
}

fn judged(view: pg_sys::Oid) -> Rc<Judged> {
    if let Some(kept) = KEPT.with_borrow(|kept| kept.get(&view).cloned()) {
        return kept;
    }
    let changes = CHANGES.get();
    let sql = "SELECT c.oid, c.relowner FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) pc.source_of($1)";
    let read = || {
        run(Mode::Read, sql, &[Param::oid(view)], |rows| {
            (rows.count > 0).then(|| Some((rows.get(0, 0)?, rows.get(0, 1)?))).flatten()
        })
    };
    let none = pg_sys::InvalidOid;
    let (source, owner) = latest(|| read_as_owner(read)).unwrap_or((none, none));
    let (reading, writing) = if source == none { (None, None) } else { look(source) };
    let judged = Rc::new(Judged { source, owner, reading, writing });
    // What has changed meanwhile is looked for again the next time.
    if changes == CHANGES.get() {
        KEPT.with_borrow_mut(|kept| {
            if kept.len() >= MAX_KEPT {
                kept.clear();
            }
            kept.insert(view, judged.clone());
        });
    }
    judged
}

/// The first code on a table that runs for readers, and the first that runs for writers.
fn look(table: pg_sys::Oid) -> (Option<Code>, Option<Code>) {
    let params = [Param::of(pg_sys::OIDARRAYOID, vec![table].into_datum())];
    let read = || {
        run(Mode::Read, FOUND, &params, |rows| {
            let first = |is_for_writers| {
                (0..rows.count as usize).find(|row| rows.get(*row, 1) == Some(is_for_writers)).map(|row| {
                    Code {
                        what: rows.get(row, 2).unwrap_or_default(),
                        hint: rows.get(row, 3).unwrap_or_default(),
                    }
                })
            };
            (first(false), first(true))
        })
    };
    latest(|| read_as_owner(read))
}
