//! An index that is deleted takes its groups along, and its place in the scope of keys, just before the transaction commits.
//!
//! Keys delete indexes. A transaction of theirs that is left open must not have changed the roles or scopes of keys, itself included, nor have
//! the turn of a project: an administrator would wait for it to revoke one.

use super::turn;
use crate::pg::error::{OrRaise, raise};
use crate::pg::spi::{Mode, Param, run, run_now};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::{as_owner, read_as_owner};
use conifer_pure::Fault;
use conifer_pure::fault::state::SERIALIZATION_FAILURE;
use conifer_pure::memory::allocation::{begin, check, push};
use pgrx::Uuid;
use std::cell::RefCell;

/// The rows of an index in a table, by its number.
pub const OF_INDEX: &str = "index_id OPERATOR(pg_catalog.=) $1::pg_catalog.int4";
/// The tables that are left for the commit.
const TABLES: [&str; 2] = ["pc_auth.key_scope", "pc_auth.group_role"];

/// An index that this transaction has deleted. Where a savepoint has taken that back, its row is there.
struct Deleted {
    project: Option<Uuid>,
    index: String,
}

thread_local! {
    static DELETED: RefCell<Vec<Deleted>> = const { RefCell::new(vec![]) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    DELETED.with(|_| ());
}

/// An index is deleted. What others make for it meanwhile has held its row.
pub fn note(index: &str, project: Option<Uuid>) {
    if TABLES.iter().any(|table| any(table, OF_INDEX, index)) {
        begin();
        DELETED
            .with_borrow_mut(|all| push(all, Deleted { project, index: index.to_owned() }))
            .and_then(|()| check())
            .or_raise();
    }
}

/// Whether [`commit`] has something to delete.
pub fn pending() -> bool {
    !DELETED.with_borrow(Vec::is_empty)
}

/// Deletes what is left, just before the transaction commits.
///
/// # Errors
/// Raises 40001 if a transaction with an old snapshot cannot see all of it.
pub fn commit() {
    let mut all = DELETED.take();
    // The extension may be dropped by now.
    if !catalog::has_extension() {
        return;
    }
    all.retain(|deleted| {
        !any("pc.index_reg", OF_INDEX, &deleted.index)
            && TABLES.iter().any(|table| any(table, OF_INDEX, &deleted.index))
    });
    // A rotation under way may be about to copy a scope to its new key.
    turn::take_projects(all.iter().filter_map(|deleted| deleted.project).collect());
    for Deleted { index, .. } in all {
        pgrx::check_for_interrupts!();
        TABLES.iter().for_each(|table| delete(table, OF_INDEX, &index));
    }
}

/// Forgets what a transaction that has failed has deleted.
pub fn abort() {
    DELETED.take();
}

/// Deletes from a table the rows that meet a condition on the number of their parent.
///
/// # Errors
/// Raises 40001 if a transaction with an old snapshot cannot see all of them.
pub fn delete(table: &str, condition: &str, number: &str) {
    let sql = format!("DELETE FROM {table} WHERE {condition}");
    as_owner(|| run(Mode::Write, &sql, &[Param::text(number)], |_| ()));
    if any(table, condition, number) {
        raise(Fault::new(SERIALIZATION_FAILURE, "could not serialize access due to concurrent update"));
    }
}

/// Whether a table has rows that meet a condition on the number of their parent.
fn any(table: &str, condition: &str, number: &str) -> bool {
    let sql = format!("SELECT FROM {table} WHERE {condition} LIMIT 1");
    read_as_owner(|| run_now(&sql, &[Param::text(number)], |rows| rows.count > 0))
}
