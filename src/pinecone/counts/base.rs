//! From where on the changes of a table are known.
#![allow(unsafe_code)]

use super::triggers::{OWN, are_own};
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::elevate::as_owner;
use pgrx::prelude::*;

/// The triggers of a table by which its changes are known, as text: a table of which other triggers are noted has to be counted.
/// NULL where they are not as they should be. `t` is the table's number.
pub fn triggers_of() -> String {
    format!(
        "SELECT CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.=) {} AND pg_catalog.bool_and(tgenabled OPERATOR(pg_catalog.=) 'A')
                     THEN pg_catalog.string_agg(pg_catalog.concat_ws(' ', oid, xmin, ctid, tgname), ', ' ORDER BY oid) END
           FROM pg_catalog.pg_trigger WHERE tgrelid OPERATOR(pg_catalog.=) t AND {}",
        OWN.len(),
        are_own()
    )
}

/// Notes that a table which was just made has no records.
pub fn begin(table: &str) {
    let sql = format!(
        "INSERT INTO pc.counted (relid, triggers)
         SELECT t, ({}) FROM (SELECT $1::pg_catalog.regclass::pg_catalog.oid) AS made (t)",
        triggers_of()
    );
    run(Mode::Write, &sql, &[Param::text(table)], |_| ());
}

/// Forgets a table that is about to go.
pub fn end(table: &str) {
    for of in ["pc.counted", "pc.record_count"] {
        let sql = format!(
            "DELETE FROM {of} WHERE relid OPERATOR(pg_catalog.=) $1::pg_catalog.regclass::pg_catalog.oid"
        );
        run(Mode::Write, &sql, &[Param::text(table)], |_| ());
    }
}

/// Counts a table, if this transaction can write down what it finds, and notes by which triggers its changes are known from then on.
/// `number` is that of the table.
pub fn make(table: &str, number: pg_sys::Oid, triggers: &str) {
    // SAFETY: reads properties of the transaction and the server.
    let able = unsafe {
        !pg_sys::XactReadOnly
            && !pg_sys::RecoveryInProgress()
            && !pg_sys::IsInParallelMode()
            && pg_sys::XactIsoLevel < pg_sys::XACT_REPEATABLE_READ as i32
    };
    if !able || has_written(number) {
        return;
    }
    let mine = "INSERT INTO pc.counted (relid, triggers) VALUES ($1, $2)
                ON CONFLICT (relid) DO UPDATE SET triggers = EXCLUDED.triggers
                 WHERE counted.triggers OPERATOR(pg_catalog.<>) EXCLUDED.triggers";
    let sql = format!(
        "INSERT INTO pc.record_count (relid, namespace, n)
         SELECT $1, namespace, pg_catalog.sum(n)::pg_catalog.int8
           FROM (SELECT namespace, pg_catalog.count(*) AS n FROM {table} GROUP BY namespace
                 UNION ALL
                 SELECT namespace, OPERATOR(pg_catalog.-) n FROM pc.record_count WHERE relid OPERATOR(pg_catalog.=) $1) AS found
          WHERE namespace IS NOT NULL
          GROUP BY namespace HAVING pg_catalog.sum(n) OPERATOR(pg_catalog.<>) 0"
    );
    as_owner(|| {
        if run(Mode::Write, mine, &[Param::oid(number), Param::text(triggers)], |rows| rows.count) > 0 {
            run(Mode::Write, &sql, &[Param::oid(number)], |_| ());
        }
    });
}

/// Whether this transaction has written to a table, or is about to: a statement that is half done has not told of all that a
/// count would find. Locks the table against those who would empty it.
fn has_written(table: pg_sys::Oid) -> bool {
    // SAFETY: within a transaction, which releases the lock. Raises for a table that is gone meanwhile.
    unsafe {
        let relation = pg_sys::relation_open(table, pg_sys::AccessShareLock as i32);
        let written = pg_sys::CheckRelationLockedByMe(relation, pg_sys::RowExclusiveLock as i32, true);
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
        written
    }
}
