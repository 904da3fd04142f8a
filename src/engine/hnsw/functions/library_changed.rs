//! The library that serves an index, when a script has changed that.
//!
//! A session keeps the functions that an access method's handler gave it for as long as it knows the index. The script that moves
//! a database from pgvector, or back, replaces the handler and then makes each index anew; the session that runs the script would
//! make them by the functions that it knows. Other sessions know an index only while they hold a lock on it, and ask again when
//! they have waited for one. Of an operator class they keep as many support functions as the other library's method has, so
//! support function 4 of `hnsw`, which pgvector lacks, is never asked of a vector.
#![allow(unsafe_code)]

use crate::engine::hnsw::build;
use crate::engine::storage::buffer::Index;
use crate::pg::error::raise;
use conifer_pure::fault::{Fault, state};
use pgrx::prelude::*;

/// Has the session ask an index's handler again, before the index is made anew, and locks all other sessions out of the index.
/// `ours`: this library is to serve it. The scripts declare this function and drop it.
///
/// Raises `55006` if the session uses the index, or has made it in this transaction: then the server does not ask again.
#[pg_extern(sql = false)]
fn hnsw_anew(index: pg_sys::Oid, ours: bool) {
    // SAFETY: the relation is opened with the lock that making it anew takes, which is kept; the handler's functions of an index
    // live as long as the relation is open.
    unsafe {
        let relation = pg_sys::relation_open(index, pg_sys::AccessExclusiveLock as i32);
        let kind = (*(*relation).rd_rel).relkind as u8;
        if ![pg_sys::RELKIND_INDEX, pg_sys::RELKIND_PARTITIONED_INDEX].contains(&kind) {
            let message = format!("\"{}\" is not an index", Index(relation).name());
            raise(Fault::new(state::WRONG_OBJECT_TYPE, message));
        }
        pg_sys::CheckTableNotInUse(relation, c"ALTER EXTENSION".as_ptr());
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);

        pg_sys::CacheInvalidateRelcacheByRelid(index);
        pg_sys::CommandCounterIncrement();
        let relation = pg_sys::relation_open(index, pg_sys::NoLock as i32);
        let found = (*(*relation).rd_indam)
            .ambuild
            .is_some_and(|found| std::ptr::fn_addr_eq(found, build::ambuild as Build));
        if found != ours {
            let name = Index(relation).name();
            let message = format!("index \"{name}\" has been made or changed in this transaction");
            let hint = "Run ALTER EXTENSION in a transaction of its own.";
            raise(Fault::new(state::OBJECT_IN_USE, message).hint(hint));
        }
        pg_sys::relation_close(relation, pg_sys::NoLock as i32);
    }
}

type Build = unsafe extern "C-unwind" fn(
    pg_sys::Relation,
    pg_sys::Relation,
    *mut pg_sys::IndexInfo,
) -> *mut pg_sys::IndexBuildResult;
