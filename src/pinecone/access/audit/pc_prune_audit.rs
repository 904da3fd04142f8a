//! `pc_prune_audit`: old rows of the audit are deleted by a superuser, and by nobody in any other way. That they were is a row, too.
#![allow(unsafe_code)]

use crate::pg::error::raise;
use crate::pg::fmgr::export;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::elevate::as_owner;
use crate::pinecone::access::judge::attempt::Attempt;
use conifer_pure::Fault;
use conifer_pure::fault::state::{NULL_VALUE_NOT_ALLOWED, OBJECT_NOT_IN_PREREQUISITE_STATE};
use conifer_pure::pinecone::access::principal::Kind;
use pgrx::IntoDatum;
use pgrx::prelude::*;
use std::cell::Cell;

thread_local! {
    /// Whether the rows that are being deleted are those of [`pc_prune_audit`].
    static PRUNES: Cell<bool> = const { Cell::new(false) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    PRUNES.with(|_| ());
}

/// For as long as it lives, rows of the audit can be deleted.
struct Pruning;

impl Pruning {
    fn begin() -> Self {
        PRUNES.set(true);
        Self
    }
}

impl Drop for Pruning {
    fn drop(&mut self) {
        PRUNES.set(false);
    }
}

#[pg_extern(sql = false)]
fn pc_prune_audit(before: Option<TimestampWithTimeZone>) -> i64 {
    let attempt = Attempt::of("prune_audit", "audit", "");
    attempt.allow(attempt.who.kind == Kind::Superuser, "delete rows of the audit");
    attempt.writes();
    let Some(before) = before else { raise(Fault::new(NULL_VALUE_NOT_ALLOWED, "the time must not be null")) };
    let said = format!("{{\"before\":\"{}\"", before.to_iso_string());
    let sql = "DELETE FROM pc_auth.audit WHERE at OPERATOR(pg_catalog.<) $1";
    let time = Param::of(pg_sys::TIMESTAMPTZOID, before.into_datum());
    let count = as_owner(|| {
        let _pruning = Pruning::begin();
        run(Mode::Write, sql, &[time], |rows| rows.count)
    }) as i64;
    attempt.done_to_organisation(Some(&format!("{said},\"rows\":{count}}}")));
    count
}

// The trigger of the audit: rows stay as they are.
export!(freeze_audit, |fcinfo| {
    // SAFETY: a trigger's context is its TriggerData; the row of one that is called for a row is there.
    unsafe {
        let context = (*fcinfo).context;
        if !context.is_null() && (*context).type_ == pg_sys::NodeTag::T_TriggerData && PRUNES.get() {
            let data = &*context.cast::<pg_sys::TriggerData>();
            if data.tg_event & pg_sys::TRIGGER_EVENT_OPMASK == pg_sys::TRIGGER_EVENT_DELETE {
                return pg_sys::Datum::from(data.tg_trigtuple);
            }
        }
    }
    let message = "rows of pc_auth.audit cannot be changed or removed";
    raise(
        Fault::new(OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            .hint("A superuser deletes old rows by pc_prune_audit()."),
    )
});
