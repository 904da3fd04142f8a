//! `pc_grant_role`, `pc_revoke_role`, `pc_list_members`, `pc_set_default_role`: Pinecone's roles for ordinary roles.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::elevate::{as_owner, read_as_owner};
use super::judge::attempt::Attempt;
use super::locks::Purpose;
use super::roles::{self, Groups, names, turn};
use super::{parents, revocation, way};
use crate::pg::error::{OrRaise, raise};
use crate::pg::spi::{Mode, Param, run, run_now};
use crate::pg::srf::return_rows;
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::{INVALID_PARAMETER_VALUE, NULL_VALUE_NOT_ALLOWED, UNDEFINED_OBJECT};
use conifer_pure::pinecone::access::api_key::is_role;
use conifer_pure::pinecone::access::level::Level;
use conifer_pure::pinecone::access::role::{OrgRole, Role};
use pgrx::Uuid;
use pgrx::prelude::*;
use std::ffi::CStr;

const ADMINISTER: &str = "administer members";

/// Condition of a row of `pc_auth.member` (`m`) that gives the role `$2` on the project `$3` to the role `$1`, which goes by number: the role may have got its name since. What is left of a role that was
/// dropped goes by its name.
const GIVEN: &str = "CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid OPERATOR(pg_catalog.=) m.role_oid) \
                           THEN m.role_oid OPERATOR(pg_catalog.=) pc_auth.role_number($1) \
                           ELSE m.member OPERATOR(pg_catalog.=) $1 END \
                      AND m.role OPERATOR(pg_catalog.=) $2 AND (m.project_id OPERATOR(pg_catalog.=) $3 OR m.project_id IS NULL AND $3 IS NULL)";

#[pg_extern(sql = false)]
fn pc_grant_role(member: Option<&CStr>, role: Option<&str>, project: Option<&str>) {
    let member = member.map(CStr::to_string_lossy);
    let (attempt, member, role, on) = judge("grant_role", member.as_deref(), role, project);
    if is_role(member)
        || member.starts_with("conifer_")
        || member.starts_with("cfp_")
        || member.starts_with("cfi_")
        || member.starts_with("pg_")
    {
        raise(
            Fault::new(INVALID_PARAMETER_VALUE, format!("role {} is not a person", quoted(member)))
                .hint("pc_update_api_key changes what an API key may do."),
        );
    }
    if !roles::exists(member) {
        raise(Fault::new(UNDEFINED_OBJECT, format!("role {} does not exist", quoted(member))));
    }
    let above = "SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1 AND rolsuper";
    if run(Mode::Write, above, &[Param::name(member)], |rows| rows.count) > 0 {
        let message = format!("role {} is a superuser", quoted(member));
        raise(Fault::new(INVALID_PARAMETER_VALUE, message).hint("It may do everything without a role."));
    }
    let pooled = "SELECT pg_catalog.pg_has_role($1, 'conifer_gateway', 'MEMBER') AND NOT rolsuper FROM pg_catalog.pg_roles \
                   WHERE rolname OPERATOR(pg_catalog.=) $1";
    if run(Mode::Write, pooled, &[Param::name(member)], |rows| rows.get::<bool>(0, 0)) == Some(true) {
        raise(
            Fault::new(INVALID_PARAMETER_VALUE, format!("role {} is for pooled sessions", quoted(member)))
                .hint(
                    "It acts as API keys, and as nobody between them: REVOKE conifer_gateway from a person.",
                ),
        );
    }
    names::refresh();
    take_turn(role, on);
    match (Role::from_name(role), on) {
        (Ok(Role::Project(role)), Some(project)) => {
            parents::require_project(project);
            roles::prepare(project, None, role.levels().data);
        }
        (Ok(Role::Org(OrgRole::Owner)), _) => {
            turn::projects().into_iter().for_each(|project| roles::prepare(project, None, Level::ReadWrite));
        }
        _ => {}
    }
    let by_hand = Param::of(pg_sys::BOOLOID, roles::is_by_hand(member).into_datum());
    let sql = "INSERT INTO pc_auth.member (member, role, project_id, granted_by, by_hand) VALUES ($1, $2, $3, session_user, $4) \
               ON CONFLICT (member, role, project_id) DO UPDATE \
                  SET member = EXCLUDED.member, granted_by = EXCLUDED.granted_by, granted_at = pg_catalog.now() \
                WHERE member.role_oid OPERATOR(pg_catalog.<>) EXCLUDED.role_oid";
    as_owner(|| {
        run(Mode::Write, sql, &[Param::name(member), Param::text(role), project_param(on), by_hand], |_| ())
    });
    // The role may have been dropped and made again since the row was written.
    roles::sync_member(member, Groups::Find, on);
    let said = format!(
        "{{\"role\":\"{role}\",\"project\":{}}}",
        on.map_or("null".into(), |_| format!("\"{}\"", Uuid::from_bytes(attempt.who.project)))
    );
    if on.is_some() { attempt.done(Some(&said)) } else { attempt.done_to_organisation(Some(&said)) }
}

#[pg_extern(sql = false)]
fn pc_revoke_role(member: Option<&CStr>, role: Option<&str>, project: Option<&str>) {
    let member = member.map(CStr::to_string_lossy);
    let (attempt, member, role, on) = judge("revoke_role", member.as_deref(), role, project);
    let params = [Param::name(member), Param::text(role), project_param(on)];
    let require = |found: u64| {
        if found == 0 {
            let message = format!("role {} does not have role {}", quoted(member), quoted(role));
            raise(Fault::new(UNDEFINED_OBJECT, message).hint("pc_list_members() shows who has which."));
        }
    };
    // Nobody is ended for the sake of what is not there.
    let sql = format!("SELECT FROM pc_auth.member AS m WHERE {GIVEN}");
    require(read_as_owner(|| run(Mode::Write, &sql, &params, |rows| rows.count)));
    let what = format!("role {} of {}", quoted(role), quoted(member));
    make_way(role, on, &what);
    if let Some(lock) = roles::lock_of(member) {
        way::make(Purpose::Member, &lock, false, &what);
        revocation::make_way_for_settings(member, &what);
        revocation::make_way_for_groups(member, &what);
    }
    let sql = format!("DELETE FROM pc_auth.member AS m WHERE {GIVEN}");
    require(as_owner(|| run(Mode::Write, &sql, &params, |rows| rows.count)));
    if on.is_some() { attempt.done(None) } else { attempt.done_to_organisation(None) }
}

#[pg_extern(sql = false)]
fn pc_list_members(project: Option<&str>, fcinfo: pg_sys::FunctionCallInfo) {
    let attempt = Attempt::within(project, "list_members", "member", "");
    let who = &attempt.who;
    attempt.allow(who.admin.members, ADMINISTER);
    let sql = "SELECT m.member, m.role::pg_catalog.text, p.name::pg_catalog.text, m.granted_by, m.granted_at \
                 FROM pc_auth.member m LEFT JOIN pc_auth.project p ON p.project_id OPERATOR(pg_catalog.=) m.project_id \
                WHERE m.project_id OPERATOR(pg_catalog.=) $1 OR m.project_id IS NULL AND $2 \
                ORDER BY p.name NULLS FIRST, m.member, m.role";
    let org = Param::of(pg_sys::BOOLOID, (who.admin.projects && project.is_none()).into_datum());
    read_as_owner(|| {
        return_rows(fcinfo, Mode::Read, sql, &[Param::uuid(Uuid::from_bytes(who.project)), org])
    });
}

#[pg_extern(sql = false)]
fn pc_set_default_role(role: Option<&str>, project: Option<&str>) {
    let attempt = Attempt::within(project, "set_default_role", "member", role.unwrap_or("none"));
    let who = &attempt.who;
    attempt.allow(who.admin.organisation, ADMINISTER);
    attempt.writes();
    let project = Uuid::from_bytes(who.project);
    turn::take_organisation();
    let old = "SELECT default_project FROM pc_auth.organisation WHERE default_project IS NOT NULL";
    let mut both: Vec<Uuid> = read_as_owner(|| run_now(old, &[], |rows| rows.each(|row| rows.get(row, 0))));
    both.push(project);
    turn::take_projects(both);
    parents::require_project(project);
    match role.map(|role| Role::from_name(role).or_raise()) {
        Some(Role::Project(role)) => roles::prepare(project, None, role.levels().data),
        None | Some(Role::Org(OrgRole::Member)) => {}
        Some(Role::Org(_)) => raise(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("role {} cannot be everybody's", quoted(role.unwrap_or_default())),
        )),
    }
    let sql = "INSERT INTO pc_auth.organisation (default_role, default_project) VALUES ($1, $2) \
               ON CONFLICT (one) DO UPDATE SET default_role = EXCLUDED.default_role, default_project = EXCLUDED.default_project";
    as_owner(|| run(Mode::Write, sql, &[Param::text(role), Param::uuid(project)], |_| ()));
    attempt.done_to_organisation(None);
}

/// Takes the turn of all that a role gives.
fn take_turn(role: &str, on: Option<Uuid>) {
    match (Role::from_name(role), on) {
        (_, Some(project)) => turn::take_project(project),
        (Ok(Role::Org(OrgRole::Owner)), _) => turn::take_every_project(),
        _ => turn::take_organisation(),
    }
}

/// Takes the turn of all that a role gives, for its revocation.
fn make_way(role: &str, on: Option<Uuid>, what: &str) {
    turn::make_way(on, what);
    if on.is_none() && Role::from_name(role) == Ok(Role::Org(OrgRole::Owner)) {
        for project in turn::in_order(turn::projects()) {
            turn::make_way(Some(project), what);
        }
    }
}

/// The attempt to give or take a role: with the member, the role, and the project for a project's role.
fn judge<'a>(
    action: &'a str,
    member: Option<&'a str>,
    role: Option<&'a str>,
    project: Option<&str>,
) -> (Attempt<'a>, &'a str, &'a str, Option<Uuid>) {
    let (Some(member), Some(name)) = (member, role) else {
        raise(Fault::new(NULL_VALUE_NOT_ALLOWED, "member and role must not be null"))
    };
    let attempt = Attempt::within(project, action, "member", member);
    let role = Role::from_name(name);
    let admin = attempt.who.admin;
    attempt
        .allow(if matches!(role, Ok(Role::Org(_))) { admin.organisation } else { admin.members }, ADMINISTER);
    attempt.writes();
    let on = match role.or_raise() {
        Role::Org(_) if project.is_some() => {
            let message = format!("role {} is on the organisation, not on a project", quoted(name));
            raise(Fault::new(INVALID_PARAMETER_VALUE, message))
        }
        Role::Org(_) => None,
        Role::Project(_) => Some(Uuid::from_bytes(attempt.who.project)),
    };
    (attempt, member, name, on)
}

fn project_param(project: Option<Uuid>) -> Param {
    Param::of(pg_sys::UUIDOID, project.and_then(IntoDatum::into_datum))
}
