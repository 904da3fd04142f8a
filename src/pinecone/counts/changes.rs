//! The changes of this transaction: kept in memory, written as the transaction commits.
#![allow(unsafe_code)]

use crate::pg::error::OrRaise;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::as_owner;
use conifer_pure::memory::allocation::with_room;
use conifer_pure::pinecone::record::pending_counts::{Changes, PendingCounts};
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;

/// One commit in so many puts the rows of a namespace together.
const FOLDED: u32 = 16;

/// Most namespaces of one statement.
const CHUNK: usize = 1000;

thread_local! {
    static PENDING: RefCell<PendingCounts> = const { RefCell::new(PendingCounts::new()) };
    /// The command that was under way at the last change.
    static LAST: Cell<pg_sys::CommandId> = const { Cell::new(0) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    PENDING.with(|_| ());
}

/// Asks the server to be told of ends of transactions and savepoints.
pub fn init() {
    // SAFETY: callbacks that live as long as the library, which is never unloaded.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_end), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_savepoint), std::ptr::null_mut());
    }
}

/// Records of a namespace have come or gone.
///
/// # Errors
/// Raises 53200 if there is no memory.
pub fn note(table: pg_sys::Oid, namespace: &str, records: i64) {
    // SAFETY: within a transaction; reads counters of it.
    let (savepoint, command) =
        unsafe { (pg_sys::GetCurrentSubTransactionId(), pg_sys::GetCurrentCommandId(false)) };
    LAST.set(command);
    PENDING.with_borrow_mut(|pending| pending.note(savepoint, table.to_u32(), namespace, records)).or_raise();
}

/// All records of a table have gone.
///
/// # Errors
/// Raises 53200 if there is no memory.
pub fn emptied(table: pg_sys::Oid) {
    // SAFETY: within a transaction; reads a counter of it.
    let savepoint = unsafe { pg_sys::GetCurrentSubTransactionId() };
    PENDING.with_borrow_mut(|pending| pending.emptied(savepoint, table.to_u32())).or_raise();
}

/// Whether this transaction has changed a table.
pub fn has(table: pg_sys::Oid) -> bool {
    PENDING.with_borrow(|pending| pending.has(table.to_u32()))
}

/// What this transaction has changed in a table, as far as it is not written yet.
///
/// # Errors
/// Raises 53200 if there is no memory.
pub fn of(table: pg_sys::Oid) -> Changes {
    PENDING.with_borrow(|pending| pending.of(table.to_u32())).or_raise()
}

/// The command that was under way at the last change. A snapshot of it, or of an earlier one, does not see that change.
pub fn last_command() -> pg_sys::CommandId {
    LAST.get()
}

/// Only what comes before the commit may raise.
#[pg_guard]
unsafe extern "C-unwind" fn at_end(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent::{XACT_EVENT_PRE_COMMIT, XACT_EVENT_PRE_PREPARE};
    if PENDING.with_borrow(PendingCounts::is_empty) {
        return;
    }
    match event {
        XACT_EVENT_PRE_COMMIT | XACT_EVENT_PRE_PREPARE => {
            struct ReadOnly(bool);
            impl Drop for ReadOnly {
                fn drop(&mut self) {
                    // SAFETY: what was in effect before.
                    unsafe { pg_sys::XactReadOnly = self.0 }
                }
            }
            // SAFETY: the transaction is still in progress. It may have become READ ONLY after it has written. What is pushed is
            // popped, or goes with the transaction that an error ends.
            unsafe {
                let _before = ReadOnly(pg_sys::XactReadOnly);
                pg_sys::XactReadOnly = false;
                pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
                as_owner(write);
                pg_sys::PopActiveSnapshot();
            }
        }
        _ => {}
    }
    PENDING.with_borrow_mut(PendingCounts::clear);
}

#[pg_guard]
unsafe extern "C-unwind" fn at_savepoint(
    event: pg_sys::SubXactEvent::Type,
    this: pg_sys::SubTransactionId,
    around: pg_sys::SubTransactionId,
    _argument: *mut c_void,
) {
    PENDING.with_borrow_mut(|pending| match event {
        pg_sys::SubXactEvent::SUBXACT_EVENT_COMMIT_SUB => pending.released(this, around),
        pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB => pending.rolled_back(this),
        _ => {}
    });
}

/// Writes what has changed, as far as there are tables that it is of and one to write it to: the transaction may have dropped them.
fn write() {
    let schema = catalog::schema(c"pc");
    // SAFETY: look-ups in catalogs.
    let is_there = unsafe {
        schema != pg_sys::InvalidOid
            && pg_sys::get_relname_relid(c"record_count".as_ptr(), schema) != pg_sys::InvalidOid
    };
    for table in PENDING.with_borrow(PendingCounts::tables) {
        let table = pg_sys::Oid::from(table);
        // SAFETY: a look-up in a catalog.
        if !is_there || unsafe { pg_sys::get_rel_namespace(table) } == pg_sys::InvalidOid {
            continue;
        }
        let changes = of(table);
        let mut all: Vec<(&str, i64)> = with_room(changes.len()).or_raise();
        all.extend(changes.iter().filter(|(_, records)| **records != 0).map(|(name, n)| (name.as_str(), *n)));
        for chunk in all.chunks(CHUNK) {
            pgrx::check_for_interrupts!();
            write_chunk(table, chunk);
        }
    }
}

fn write_chunk(table: pg_sys::Oid, changes: &[(&str, i64)]) {
    add_rows(table, changes);
    let names: Vec<&str> = changes.iter().map(|(namespace, _)| *namespace).collect();
    fold(table, &names);
}

/// Adds rows to `pc.record_count`, as the server does to its catalogs: a statement, even a kept one, takes ten times as long. The table has
/// no index that a catalog could not have, and its only triggers keep out the rows of other servers.
fn add_rows(table: pg_sys::Oid, changes: &[(&str, i64)]) {
    let schema = catalog::schema(c"pc");
    // SAFETY: the table is locked, and as sql/pinecone.sql makes it: a row has a number, a text and a number. What is opened is closed, or
    // goes with the transaction that an error ends.
    unsafe {
        let counts = pg_sys::get_relname_relid(c"record_count".as_ptr(), schema);
        let counts = pg_sys::table_open(counts, pg_sys::RowExclusiveLock as i32);
        let descriptor = (*counts).rd_att;
        let expected = [pg_sys::OIDOID, pg_sys::TEXTOID, pg_sys::INT8OID];
        if (*descriptor).natts as usize != expected.len()
            || expected.iter().zip(1..).any(|(oid, column)| pg_sys::SPI_gettypeid(descriptor, column) != *oid)
        {
            error!("the columns of pc.record_count are not those that it was made with");
        }
        let indexes = pg_sys::CatalogOpenIndexes(counts);
        for (namespace, records) in changes {
            let values = [table.into_datum(), (*namespace).into_datum(), (*records).into_datum()];
            let mut values = values.map(|value| value.expect("a value that is not null has a datum"));
            let mut nulls = [false; 3];
            let row = pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::CatalogTupleInsertWithInfo(counts, row, indexes);
            pg_sys::heap_freetuple(row);
        }
        pg_sys::CatalogCloseIndexes(indexes);
        pg_sys::table_close(counts, pg_sys::NoLock as i32);
    }
}

/// Puts the rows of some of these namespaces together, which ones the number of the transaction decides.
///
/// Under READ COMMITTED only: a row that others have put together meanwhile would end any other transaction.
fn fold(table: pg_sys::Oid, namespaces: &[&str]) {
    // SAFETY: within a transaction that has written.
    let (level, transaction) = unsafe { (pg_sys::XactIsoLevel, pg_sys::GetTopTransactionId().into_inner()) };
    if level >= pg_sys::XACT_REPEATABLE_READ as i32 {
        return;
    }
    let drawn = |name: &&&str| {
        let hash = name.bytes().fold(transaction.wrapping_mul(0x9e37_79b1), |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        (hash >> 16).is_multiple_of(FOLDED)
    };
    let names: Vec<&str> = namespaces.iter().filter(drawn).copied().collect();
    if names.is_empty() {
        return;
    }
    let sql = "WITH gone AS (
                   DELETE FROM pc.record_count WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY(
                       SELECT ctid FROM pc.record_count
                        WHERE relid OPERATOR(pg_catalog.=) $1 AND namespace OPERATOR(pg_catalog.=) ANY ($2)
                          FOR UPDATE SKIP LOCKED))
                   RETURNING namespace, n)
               INSERT INTO pc.record_count (relid, namespace, n)
               SELECT $1, namespace, pg_catalog.sum(n)::pg_catalog.int8 FROM gone
                GROUP BY namespace HAVING pg_catalog.sum(n) OPERATOR(pg_catalog.<>) 0";
    run(Mode::Write, sql, &[Param::oid(table), Param::texts(Some(&names))], |_| ());
}
