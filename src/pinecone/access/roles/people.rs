//! People: ordinary roles with a role of Pinecone's.

use super::groups::{Groups, also, default_project, group};
use super::membership::{PEOPLE, add, join};
use super::role::exists;
use super::turn::projects;
use super::{late_members, mark};
use crate::pg::spi::{Mode, Param, run, run_now};
use crate::pinecone::access::elevate::{as_owner, read_as_owner, role_named};
use crate::pinecone::access::locks::{self, Purpose};
use conifer_pure::pinecone::access::level::Level;
use conifer_pure::pinecone::access::role::{OrgRole, Role};
use pgrx::Uuid;
use pgrx::prelude::*;
use std::ffi::CString;

/// Makes the memberships of an ordinary role agree with the roles that it was given: in the groups of all projects, or of one, within its
/// turn.
pub fn sync_member(member: &str, make: Groups, within: Option<Uuid>) -> bool {
    let Some(lock) = lock_of(member) else { return false };
    locks::exclude(Purpose::Member, &lock);
    // By number: roles that were given to an earlier role of that name are not this one's, those given to it under an earlier name are.
    let sql = "SELECT m.role, m.project_id, m.by_hand FROM pc_auth.member m \
                 JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.role_oid \
                WHERE r.rolname OPERATOR(pg_catalog.=) $1";
    let given: Vec<(String, Option<Uuid>, bool)> = read_as_owner(|| {
        run_now(sql, &[Param::name(member)], |rows| {
            rows.each(|row| {
                Some((rows.get(row, 0).unwrap_or_default(), rows.get(row, 1), rows.get(row, 2) == Some(true)))
            })
        })
    });
    let mut groups = vec![];
    if !given.is_empty() {
        groups.push(PEOPLE.to_owned());
    }
    let by_hand = given.iter().any(|(.., by_hand)| *by_hand);
    let marked = mark::set(member, (!given.is_empty()).then_some(by_hand));
    let is_meant = |project: &Uuid| within.is_none_or(|within| within == *project);
    for (role, project, _) in given {
        match (Role::from_name(&role), project.filter(is_meant)) {
            (Ok(Role::Project(role)), Some(project)) if role.levels().data > Level::None => {
                also(&mut groups, group(project, None, role.levels().data, make));
            }
            (Ok(Role::Org(OrgRole::Owner)), _) => {
                for project in within.map_or_else(projects, |project| vec![project]) {
                    also(&mut groups, group(project, None, Level::ReadWrite, make));
                }
            }
            _ => {}
        }
    }
    join(member, groups, within) | marked
}

/// The name of the lock of a person's role, which is its number: the role may get another name. None if there is no such role.
pub fn lock_of(member: &str) -> Option<String> {
    let number = CString::new(member).map_or(pg_sys::InvalidOid, |member| role_named(&member));
    (number != pg_sys::InvalidOid).then(|| number.to_u32().to_string())
}

/// Keeps a role among the people that was there before it was given anything: by what else it has, or by itself.
pub fn stay(member: &str) {
    if !exists(member) {
        return;
    }
    let sql = "UPDATE pc_auth.member SET by_hand = true \
                WHERE role_oid OPERATOR(pg_catalog.=) pc_auth.role_number($1) AND NOT by_hand";
    let left = "SELECT FROM pc_auth.member WHERE role_oid OPERATOR(pg_catalog.=) pc_auth.role_number($1)";
    as_owner(|| run(Mode::Write, sql, &[Param::name(member)], |_| ()));
    if read_as_owner(|| run_now(left, &[Param::name(member)], |rows| rows.count)) == 0 {
        add(PEOPLE, member);
    }
}

/// Whether a role was put among the people by hand: it is there, and was given nothing here, nor in another database by which it came there.
pub fn is_by_hand(member: &str) -> bool {
    let sql = "SELECT FROM pg_catalog.pg_auth_members g \
                WHERE g.member OPERATOR(pg_catalog.=) pc_auth.role_number($1) \
                  AND g.roleid OPERATOR(pg_catalog.=) 'conifer_people'::pg_catalog.regrole \
                  AND NOT EXISTS (SELECT FROM pc_auth.member m WHERE m.role_oid OPERATOR(pg_catalog.=) g.member)";
    // Who is about to be put out, by a role that was taken in this transaction, is not there by hand, though the mark is gone already.
    read_as_owner(|| run_now(sql, &[Param::name(member)], |rows| rows.count > 0))
        && !late_members::leaves(PEOPLE, member)
        && mark::is_by_hand(member)
}

/// Makes the memberships of the owners of all projects agree with the projects, one of which has come or gone.
pub fn sync_owners(make: Groups, within: Option<Uuid>) {
    let sql = "SELECT r.rolname::pg_catalog.text FROM pc_auth.member m \
                 JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.role_oid \
                WHERE m.role OPERATOR(pg_catalog.=) 'OrgOwner'";
    let owners: Vec<String> = read_as_owner(|| run_now(sql, &[], |rows| rows.each(|row| rows.get(row, 0))));
    for owner in owners {
        sync_member(&owner, make, within);
    }
}

/// Gives the default role's privileges on tables to the group of all people; the policies judge each person.
pub fn sync_default(make: Groups) -> bool {
    let sql = "SELECT default_role, default_project FROM pc_auth.organisation WHERE default_role IS NOT NULL";
    let default: Option<(String, Option<Uuid>)> = read_as_owner(|| {
        run_now(sql, &[], |rows| {
            (rows.count > 0).then(|| (rows.get(0, 0).unwrap_or_default(), rows.get(0, 1)))
        })
    });
    let mut groups = vec![];
    if let Some((role, project)) = default
        && let Ok(Role::Project(role)) = Role::from_name(&role)
        && role.levels().data > Level::None
    {
        also(&mut groups, group(project.unwrap_or_else(default_project), None, role.levels().data, make));
    }
    join(PEOPLE, groups, None)
}
