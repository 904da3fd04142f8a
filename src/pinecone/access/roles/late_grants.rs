//! Privileges of a new group on a new index, where the two were made by transactions that could not see each other's rows.
//!
//! To make an index takes no turn: a key may do it, and leave its transaction open. So what is made new is looked at once more just before
//! the transaction commits, under a lock of the project that it has for that moment only: the second transaction to get there sees
//! what the first has committed, and grants what is missing.

use super::privileges::{grant, has, table_of};
use crate::pg::error::OrRaise;
use crate::pg::spi::{Param, run_now};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::read_as_owner;
use crate::pinecone::access::locks::{self, Purpose};
use conifer_pure::memory::allocation::{begin, check, push};
use conifer_pure::pinecone::access::level::Level;
use pgrx::Uuid;
use pgrx::prelude::*;
use std::cell::RefCell;

/// An index or a group of a project that this transaction has made. Where a savepoint has taken it back, its row is gone.
struct New {
    project: Uuid,
    index: Option<i32>,
    group: Option<String>,
}

thread_local! {
    static NEW: RefCell<Vec<New>> = const { RefCell::new(vec![]) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    NEW.with(|_| ());
}

/// An index is new.
pub fn note_index(project: Uuid, index: i32) {
    note(New { project, index: Some(index), group: None });
}

/// A group is new.
pub fn note_group(project: Uuid, group: &str) {
    note(New { project, index: None, group: Some(group.to_owned()) });
}

fn note(new: New) {
    begin();
    NEW.with_borrow_mut(|all| push(all, new)).and_then(|()| check()).or_raise();
}

/// Whether [`commit`] has something to look at.
pub fn pending() -> bool {
    !NEW.with_borrow(Vec::is_empty)
}

/// Grants what is missing, just before the transaction commits.
pub fn commit() {
    let mut all = NEW.take();
    // The extension may be dropped by now.
    if !catalog::has_extension() {
        return;
    }
    // Transactions that have made something in several projects take their locks in one order.
    all.sort_unstable_by_key(|new| *new.project.as_bytes());
    for new in &all {
        locks::exclude(Purpose::Grants, &new.project.to_string());
    }
    for new in all {
        pgrx::check_for_interrupts!();
        for (index, group, level) in pairs(&new) {
            if let Some(table) = table_of(index)
                && !has(&group, table, level)
            {
                grant(index, &group, level);
            }
        }
    }
}

/// Forgets what a transaction that has failed has made.
pub fn abort() {
    NEW.take();
}

/// The indexes and groups that belong together, one of which is new.
fn pairs(new: &New) -> Vec<(i32, String, Level)> {
    let sql = "SELECT r.index_id, g.role_name::pg_catalog.text, g.level::pg_catalog.text \
                 FROM pc.index_reg r JOIN pc_auth.group_role g \
                   ON g.project_id OPERATOR(pg_catalog.=) r.project_id \
                  AND (g.index_id IS NULL OR g.index_id OPERATOR(pg_catalog.=) r.index_id) \
                 JOIN pg_catalog.pg_roles o ON o.rolname OPERATOR(pg_catalog.=) g.role_name \
                WHERE r.project_id OPERATOR(pg_catalog.=) $1 \
                  AND ($2 IS NULL OR r.index_id OPERATOR(pg_catalog.=) $2) \
                  AND ($3 IS NULL OR g.role_name OPERATOR(pg_catalog.=) $3)";
    let group = new.group.as_deref().map_or_else(|| Param::of(pg_sys::NAMEOID, None), Param::name);
    let params = [Param::uuid(new.project), Param::int(new.index), group];
    read_as_owner(|| {
        run_now(sql, &params, |rows| {
            rows.each(|row| {
                let level = Level::from_letter(&rows.get::<String>(row, 2)?);
                Some((rows.get(row, 0)?, rows.get(row, 1)?, level))
            })
        })
    })
}
