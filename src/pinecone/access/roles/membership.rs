//! Who is in which group: roles are put into Conifer's groups, and out of others.

use super::home_database::{elsewhere, other_database};
use super::late_members::{grant_role, revoke_role};
use super::{late_members, mark, patience, pattern};
use crate::pg::spi::{Param, run_now, run_once};
use crate::pinecone::access::elevate::{as_superuser, read_as_owner};
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;
use pgrx::{IntoDatum, Uuid};

/// The group of all people.
pub const PEOPLE: &str = "conifer_people";

/// Puts a role into groups, and out of all other groups of Conifer; of those of a project, where only one is meant.
pub fn join(member: &str, mut groups: Vec<String>, within: Option<Uuid>) -> bool {
    let sql = "SELECT g.rolname::pg_catalog.text FROM pg_catalog.pg_auth_members m \
                 JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) m.roleid \
                WHERE m.member OPERATOR(pg_catalog.=) $1::pg_catalog.regrole \
                  AND (EXISTS (SELECT FROM pc_auth.group_role o WHERE o.role_name OPERATOR(pg_catalog.=) g.rolname \
                                  AND ($2 IS NULL OR o.project_id OPERATOR(pg_catalog.=) $2)) \
                       OR g.rolname OPERATOR(pg_catalog.=) ANY ('{conifer_keys,conifer_people}'))";
    let quoted = quote_identifier(member);
    let params = [Param::text(&*quoted), Param::of(pg_sys::UUIDOID, within.and_then(IntoDatum::into_datum))];
    let mut has: Vec<String> =
        read_as_owner(|| run_now(sql, &params, |rows| rows.each(|row| rows.get(row, 0))));
    has.retain(|group| other_database(group).is_none());
    late_members::foresee(member, &mut has);
    groups.sort_unstable();
    groups.dedup();
    has.sort_unstable();
    let is_in = |all: &[String], group: &str| all.binary_search_by(|other| other.as_str().cmp(group)).is_ok();
    // Roles belong to the cluster: another database may have put this role into one of its groups.
    if is_in(&has, PEOPLE)
        && !is_in(&groups, PEOPLE)
        && (mark::is_elsewhere(member) || belongs_elsewhere(&quoted))
    {
        has.retain(|group| group != PEOPLE);
    }
    for group in groups.iter().filter(|group| !is_in(&has, group)) {
        add(group, member);
    }
    for group in has.iter().filter(|group| !is_in(&groups, group)) {
        if !late_members::change(group, member, false) {
            revoke_role(group, member);
        }
    }
    has != groups
}

/// Whether a role is in a group of another database.
fn belongs_elsewhere(quoted: &str) -> bool {
    let sql = format!(
        "SELECT FROM pg_catalog.pg_auth_members m
           JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) m.roleid
          WHERE m.member OPERATOR(pg_catalog.=) $1::pg_catalog.regrole
            AND g.rolname OPERATOR(pg_catalog.~) {}
            AND (NOT EXISTS (SELECT FROM pc_auth.group_role o WHERE o.role_name OPERATOR(pg_catalog.=) g.rolname)
                 OR {} IS NOT NULL)",
        pattern::GROUPS,
        elsewhere("g.rolname")
    );
    read_as_owner(|| run_now(&sql, &[Param::text(quoted)], |rows| rows.count > 0))
}

/// Puts a role into a group.
pub fn add(group: &str, member: &str) {
    if !late_members::change(group, member, true) {
        grant_role(group, member);
    }
}

/// Takes keys and Conifer's groups out of groups that are not Conifer's: whoever may give a role has put them there without asking, and what that role is
/// given, or `pg_hba.conf` says of it, would hold for all of them. Those that somebody is changing stay for now, with a notice of each. Returns how many
/// memberships were taken away.
pub fn leave_others() -> i64 {
    let ours = pattern::ALL;
    let sql = format!(
        "SELECT g.rolname::pg_catalog.text, r.rolname::pg_catalog.text, o.rolname::pg_catalog.text
           FROM pg_catalog.pg_auth_members m
           JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) m.roleid AND g.rolname OPERATOR(pg_catalog.!~) {ours}
           JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.member AND r.rolname OPERATOR(pg_catalog.~) {ours}
           LEFT JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) m.grantor"
    );
    let found: Vec<(String, String, Option<String>)> = read_as_owner(|| {
        run_now(&sql, &[], |rows| {
            rows.each(|row| Some((rows.get(row, 0)?, rows.get(row, 1)?, rows.get(row, 2))))
        })
    });
    let mut taken = 0;
    for (group, member, grantor) in &found {
        pgrx::check_for_interrupts!();
        // From PostgreSQL 16 on each role that has granted it takes it back by itself.
        let by = grantor.as_ref().map(|name| format!(" GRANTED BY {}", quote_identifier(name)));
        let revoke = format!(
            "REVOKE {} FROM {}{} CASCADE",
            quote_identifier(group),
            quote_identifier(member),
            by.unwrap_or_default()
        );
        match as_superuser(|| patience::attempt(|| run_once(&revoke))) {
            Ok(()) => taken += 1,
            Err(why) => notice!("role \"{member}\" stays in group \"{group}\": {why}"),
        }
    }
    taken
}
