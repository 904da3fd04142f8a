//! Memberships in `conifer_keys` and `conifer_people`, of which the cluster has one each, changed just before the transaction commits.
//!
//! From PostgreSQL 16 on a GRANT or REVOKE of a role locks that role for all others until the transaction ends. So an administrator's open
//! transaction would keep all others from making keys, in other databases, too.

#![allow(unsafe_code)]

use super::mark;
use crate::pg::error::OrRaise;
use crate::pg::spi::{Param, run_now, run_once};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::{as_superuser, role_named};
use conifer_pure::memory::allocation::{begin, check, push};
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;
use std::cell::RefCell;
use std::ffi::CString;

const GROUPS: [&str; 2] = ["conifer_keys", "conifer_people"];

/// A role is to be in a group, or out of it.
struct Change {
    group: &'static str,
    /// By number: the role may get another name.
    role: pg_sys::Oid,
    is_in: bool,
    /// The depth of savepoints at which this was said.
    depth: i32,
}

thread_local! {
    static CHANGES: RefCell<Vec<Change>> = const { RefCell::new(vec![]) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    CHANGES.with(|_| ());
}

/// Puts a role into a group, or out of it, when the transaction commits. `false` if the group is one whose members change at once.
pub fn change(group: &str, role: &str, is_in: bool) -> bool {
    let Some(group) = GROUPS.into_iter().find(|late| *late == group) else { return false };
    let role = number(role);
    // SAFETY: reads a counter of the transaction.
    let depth = unsafe { pg_sys::GetCurrentTransactionNestLevel() };
    begin();
    CHANGES
        .with_borrow_mut(|all| push(all, Change { group, role, is_in, depth }))
        .and_then(|()| check())
        .or_raise();
    true
}

/// Makes a list of the groups that a role is in what it will be.
pub fn foresee(role: &str, groups: &mut Vec<String>) {
    let role = number(role);
    CHANGES.with_borrow(|all| {
        for change in all.iter().filter(|change| change.role == role) {
            groups.retain(|group| group != change.group);
            if change.is_in {
                groups.push(change.group.to_owned());
            }
        }
    });
}

/// Whether a role is to be put out of a group when the transaction commits.
pub fn leaves(group: &str, role: &str) -> bool {
    let role = number(role);
    CHANGES.with_borrow(|all| {
        let mut of_both = all.iter().rev().filter(|change| change.role == role && change.group == group);
        of_both.next().is_some_and(|change| !change.is_in)
    })
}

fn number(role: &str) -> pg_sys::Oid {
    CString::new(role).map_or(pg_sys::InvalidOid, |role| role_named(&role))
}

/// Whether [`commit`] has members to change.
pub fn pending() -> bool {
    !CHANGES.with_borrow(Vec::is_empty)
}

/// Changes the members, just before the transaction commits: the last that was said of a role and a group counts.
pub fn commit() {
    let mut all = CHANGES.take();
    // The extension may be dropped by now.
    if !catalog::has_extension() {
        return;
    }
    all.reverse();
    // All transactions lock the groups in one order. Equal ones keep theirs: the last comes first.
    all.sort_by_key(|change| (change.group, change.role.to_u32()));
    all.dedup_by_key(|change| (change.group, change.role.to_u32()));
    let sql = "SELECT r.rolname::pg_catalog.text, \
                      EXISTS (SELECT FROM pg_catalog.pg_auth_members m \
                               WHERE m.member OPERATOR(pg_catalog.=) r.oid AND m.roleid OPERATOR(pg_catalog.=) $2::pg_catalog.regrole) \
                 FROM pg_catalog.pg_roles r WHERE r.oid OPERATOR(pg_catalog.=) $1";
    for change in all {
        pgrx::check_for_interrupts!();
        if change.group == "conifer_people" {
            steady(change.group);
        }
        let found: Option<(String, bool)> =
            run_now(sql, &[Param::oid(change.role), Param::text(change.group)], |rows| {
                (rows.count > 0).then(|| (rows.get(0, 0).unwrap_or_default(), rows.get(0, 1) == Some(true)))
            });
        match found {
            Some((role, false)) if change.is_in => grant_role(change.group, &role),
            // Another database may have given the role something meanwhile.
            Some((role, true)) if !change.is_in && !mark::is_elsewhere(&role) => {
                revoke_role(change.group, &role)
            }
            _ => {}
        }
    }
}

/// Waits for other transactions that are changing the members of a group, and keeps them waiting, as GRANT does from PostgreSQL 16 on: what is
/// looked at then is what they have left.
fn steady(group: &str) {
    // SAFETY: within a transaction, which releases the lock.
    unsafe {
        let mode = pg_sys::ShareUpdateExclusiveLock as i32;
        pg_sys::LockSharedObject(pg_sys::AuthIdRelationId, number(group), 0, mode);
    }
}

/// Forgets the changes of a transaction that has failed.
pub fn abort() {
    CHANGES.take();
}

/// A savepoint at a depth is released: what was said in it belongs to the enclosing level.
pub fn released(depth: i32) {
    CHANGES
        .with_borrow_mut(|all| all.iter_mut().for_each(|change| change.depth = change.depth.min(depth - 1)));
}

/// A savepoint at a depth is rolled back, and with it what was said in it.
pub fn rolled_back(depth: i32) {
    CHANGES.with_borrow_mut(|all| all.retain(|change| change.depth < depth));
}

/// Puts a role into a group, to inherit its privileges and not to SET ROLE to it, where the server tells these apart.
pub fn grant_role(group: &str, member: &str) {
    let (group, member) = (quote_identifier(group), quote_identifier(member));
    let how = if cfg!(feature = "pg15") { "" } else { " WITH INHERIT TRUE, SET FALSE" };
    as_superuser(|| run_once(&format!("GRANT {group} TO {member}{how}")));
}

/// Puts a role out of a group.
pub fn revoke_role(group: &str, member: &str) {
    let (group, member) = (quote_identifier(group), quote_identifier(member));
    as_superuser(|| run_once(&format!("REVOKE {group} FROM {member}")));
}
