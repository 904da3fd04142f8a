//! Code on a user's table that is an index: who reads the index runs its policies, who writes to it its triggers.
//!
//! A table's owner is answered for by nobody: functions of theirs would run with the rights of keys, people and superusers who call
//! a function of the API. So an index is refused to all but the owner while its table has code that neither the server nor a superuser
//! answers for. The answer is remembered until the server says that the table, a function, a type or a role has changed.
//!
//! A writer comes to other tables by foreign keys, and runs their code: these tables are judged as the table is, and locked before it is written
//! to, as no trigger is put on a table that is locked so. An index that is built concurrently does not wait for that lock, so
//! the server's own query of such a table, too, has the index judged again.
#![allow(unsafe_code)]

use super::table::{index_of, is_view};
use crate::pg::error::OrRaise;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::elevate::read_as_owner;
use crate::pinecone::access::snapshot::latest;
use conifer_pure::Fault;
use conifer_pure::fault::state::INSUFFICIENT_PRIVILEGE;
use conifer_pure::memory::allocation::Reserve;
use pgrx::IntoDatum;
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::CStr;
use std::rc::Rc;

/// The code on the tables `$1`, an array of OIDs: table, whether it is for writers only, what it is, and a hint.
pub const FOUND: &str = concat!(include_str!("touched.sql"), include_str!("foreign_code.sql"));

/// The tables that the server comes to by foreign keys from the tables `$1`.
const BEHIND: &str =
    concat!(include_str!("touched.sql"), "SELECT DISTINCT relation FROM touched WHERE NOT is_own");

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
    /// The tables that the server comes to from it by foreign keys.
    behind: Vec<pg_sys::Oid>,
    /// The first that runs for readers, and for writers.
    reading: Option<Code>,
    writing: Option<Code>,
}

thread_local! {
    /// What is known of views.
    static KEPT: RefCell<HashMap<pg_sys::Oid, Rc<Judged>>> = RefCell::default();
    /// Messages that what is known may be wrong.
    static CHANGES: Cell<u64> = const { Cell::new(0) };
    /// The tables behind foreign keys that a transaction has locked, each with the view that was written to, and the role.
    static HELD: RefCell<Held> = RefCell::default();
}

/// The tables behind foreign keys that a transaction has locked.
#[derive(Default)]
struct Held {
    /// When the transaction began.
    since: pg_sys::TimestampTz,
    /// For each table the view that was written to, and the role that wrote.
    tables: HashMap<pg_sys::Oid, (pg_sys::Oid, pg_sys::Oid)>,
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    KEPT.with(|_| ());
    CHANGES.with(|_| ());
    HELD.with(|_| ());
}

/// Registers callbacks for changes of tables, functions, operators, types, casts and roles. Called when the library is loaded.
pub fn init() {
    use pg_sys::SysCacheIdentifier::{AUTHOID, CASTSOURCETARGET, OPEROID, PROCOID, TYPEOID};
    // SAFETY: callbacks that live as long as the library, which is never unloaded.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_table), pg_sys::Datum::null());
        for cache in [AUTHOID, CASTSOURCETARGET, OPEROID, PROCOID, TYPEOID] {
            pg_sys::CacheRegisterSyscacheCallback(cache as i32, Some(on_object), pg_sys::Datum::null());
        }
    }
}

// The callbacks neither raise nor panic.
unsafe extern "C-unwind" fn on_table(_: pg_sys::Datum, table: pg_sys::Oid) {
    forget(|view, judged| {
        table == pg_sys::InvalidOid
            || table == view
            || table == judged.source
            || judged.behind.contains(&table)
    });
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
/// others, or the role is the table's owner.
pub fn refusal(view: pg_sys::Oid, writes: bool) -> Option<Fault> {
    // SAFETY: reads the current user.
    refusal_to(unsafe { pg_sys::GetUserId() }, view, writes)
}

/// Locks the tables that the server comes to by foreign keys when a view is written to, until the transaction ends: what is judged from
/// then on stays so, but for indexes that are built concurrently.
///
/// # Errors
/// Raises 53200.
pub fn hold(view: pg_sys::Oid) {
    // SAFETY: within a transaction, which releases the locks; a table that is gone may be locked all the same. A transaction that
    // may not write is refused later.
    unsafe {
        let who = pg_sys::GetUserId();
        if pg_sys::XactReadOnly || pg_sys::RecoveryInProgress() {
            return;
        }
        loop {
            let judged = judged(view);
            if judged.behind.is_empty() || who == judged.owner {
                return;
            }
            let changes = CHANGES.get();
            for table in &judged.behind {
                pg_sys::LockRelationOid(*table, pg_sys::RowExclusiveLock as i32);
            }
            HELD.with_borrow_mut(|held| {
                let since = pg_sys::GetCurrentTransactionStartTimestamp();
                if held.since != since {
                    held.tables.clear();
                    held.since = since;
                }
                held.tables.room_for(judged.behind.len()).or_raise();
                held.tables.extend(judged.behind.iter().map(|table| (*table, (view, who))));
            });
            if changes == CHANGES.get() {
                return;
            }
        }
    }
}

/// The refusal of a query of a table that this transaction has come to by a foreign key, to the role that has written to the view.
pub fn refusal_behind(table: pg_sys::Oid) -> Option<(pg_sys::Oid, Fault)> {
    let (view, who) = HELD.with_borrow(|held| {
        // SAFETY: reads a time.
        let is_current = || held.since == unsafe { pg_sys::GetCurrentTransactionStartTimestamp() };
        held.tables.get(&table).copied().filter(|_| is_current())
    })?;
    refusal_to(who, view, true).map(|fault| (view, fault))
}

fn refusal_to(who: pg_sys::Oid, view: pg_sys::Oid, writes: bool) -> Option<Fault> {
    let judged = judged(view);
    let code = judged.reading.as_ref().or(judged.writing.as_ref().filter(|_| writes))?;
    // Those who have the owner's rights are not: whoever may give that role makes keys and people members of it without asking them.
    if who == judged.owner {
        return None;
    }
    // SAFETY: a look-up of a name, within a transaction; the name is copied.
    let name = unsafe {
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
    let (behind, (reading, writing)) =
        if source == none { (Vec::new(), (None, None)) } else { (behind(source), look(source)) };
    let judged = Rc::new(Judged { source, owner, behind, reading, writing });
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

/// The tables that the server comes to from a table by foreign keys.
fn behind(table: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    let params = [Param::of(pg_sys::OIDARRAYOID, vec![table].into_datum())];
    latest(|| read_as_owner(|| run(Mode::Read, BEHIND, &params, |rows| rows.each(|row| rows.get(row, 0)))))
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
