//! Triggers on the tables of `pc_auth` and the registry: roles follow rows, and all sessions get an invalidation.
//!
//! A trigger waits for the transaction's turn before it locks or reads anything else (`turn.rs`). Where a function writes the row, it has
//! taken that of the row's project.
#![allow(unsafe_code)]

use crate::pg::fmgr::{argument, export};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::{OWNER, role_named};
use crate::pinecone::access::refusal::{Event, refused};
use crate::pinecone::access::roles::{self, Groups, turn};
use conifer_pure::Fault;
use conifer_pure::fault::state::INSUFFICIENT_PRIVILEGE;
use conifer_pure::pinecone::access::api_key::is_role;
use pgrx::Uuid;
use pgrx::prelude::*;
use std::ffi::{CStr, CString};

/// The texts of a column in the old and the new row, as far as there are such rows, without repetition.
///
/// # Errors
/// Raises 42501 for a table that is not Conifer's: these triggers do more than another table's owner may.
pub fn values(fcinfo: pg_sys::FunctionCallInfo, column: &str) -> Vec<String> {
    // SAFETY: the function is about to run.
    let refuse = || unsafe {
        let name = pg_sys::get_func_name((*(*fcinfo).flinfo).fn_oid);
        let name = if name.is_null() { "function".into() } else { CStr::from_ptr(name).to_string_lossy() };
        refused(
            None,
            &Event { action: "call", kind: "function", resource: &name },
            Fault::new(
                INSUFFICIENT_PRIVILEGE,
                "this function serves the triggers of schemas pc and pc_auth only",
            ),
        )
    };
    let column = CString::new(column).expect("a column's name holds no NUL");
    // SAFETY: a trigger's context is its TriggerData, with an open table and tuples of its descriptor; an UPDATE has the
    // old row first and the new one second, any other event only the first.
    unsafe {
        let context = (*fcinfo).context;
        if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_TriggerData {
            refuse();
        }
        let data = &*context.cast::<pg_sys::TriggerData>();
        let relation = &*(*data.tg_relation).rd_rel;
        let ours = [c"pc_auth", c"pc"].map(|name| pg_sys::get_namespace_oid(name.as_ptr(), true));
        if !ours.contains(&relation.relnamespace) || relation.relowner != role_named(OWNER) {
            refuse();
        }
        let descriptor = (*data.tg_relation).rd_att;
        let number = pg_sys::SPI_fnumber(descriptor, column.as_ptr());
        let mut texts = vec![];
        for tuple in [data.tg_trigtuple, data.tg_newtuple] {
            if tuple.is_null() || number <= 0 {
                continue;
            }
            let text = pg_sys::SPI_getvalue(tuple, descriptor, number);
            if !text.is_null() {
                texts.push(CStr::from_ptr(text).to_string_lossy().into_owned());
            }
        }
        texts.dedup();
        texts
    }
}

/// The project of a row; none if it has none, or has moved from one to another.
pub fn project_of(fcinfo: pg_sys::FunctionCallInfo) -> Option<Uuid> {
    match &values(fcinfo, "project_id")[..] {
        [project] => number_of(project),
        _ => None,
    }
}

/// A project's number from its text.
fn number_of(text: &str) -> Option<Uuid> {
    let number = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    Some(Uuid::from_bytes(number.to_be_bytes()))
}

#[pg_extern(sql = false)]
fn follow_key(fcinfo: pg_sys::FunctionCallInfo) {
    let project = project_of(fcinfo);
    // SAFETY: `values` has found that this is a trigger's call.
    let event = unsafe { (*(*fcinfo).context.cast::<pg_sys::TriggerData>()).tg_event };
    let event = event & pg_sys::TRIGGER_EVENT_OPMASK;
    // A revocation, which is an UPDATE, takes no turn.
    if event != pg_sys::TRIGGER_EVENT_UPDATE {
        turn::of_row(project);
    }
    for key in values(fcinfo, "key_id").iter().filter(|key| is_role(key)) {
        roles::sync_key(key, Groups::Find, event == pg_sys::TRIGGER_EVENT_INSERT);
    }
    catalog::changed();
}

#[pg_extern(sql = false)]
fn follow_scope(fcinfo: pg_sys::FunctionCallInfo) {
    for key in values(fcinfo, "key_id").iter().filter(|key| is_role(key)) {
        // The key may be yet to come.
        turn::of_row(roles::project_of_key(key));
        roles::sync_key(key, Groups::Find, false);
    }
    catalog::changed();
}

#[pg_extern(sql = false)]
fn follow_group(fcinfo: pg_sys::FunctionCallInfo) {
    turn::of_row(project_of(fcinfo));
    for group in values(fcinfo, "role_name") {
        roles::sync_group(&group);
    }
}

/// The name of a role by its number: what a row of a member says of the name may be out of date, and the name be another role's.
fn role_of(number: u32) -> Option<String> {
    // SAFETY: a look-up of a role; the name is copied out of memory that the statement owns.
    unsafe {
        let name = pg_sys::GetUserNameFromId(number.into(), true);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

#[pg_extern(sql = false)]
fn follow_member(fcinfo: pg_sys::FunctionCallInfo) {
    let within = if values(fcinfo, "project_id").is_empty() {
        if turn::of_organisation() && values(fcinfo, "role").iter().any(|role| role == "OrgOwner") {
            turn::take_every_project();
        }
        None
    } else {
        turn::of_row(project_of(fcinfo))
    };
    let members: Vec<String> =
        values(fcinfo, "role_oid").iter().filter_map(|number| role_of(number.parse().ok()?)).collect();
    for member in &members {
        roles::sync_member(member, Groups::Find, within);
    }
    // SAFETY: `values` has found that this is a trigger's call.
    let event = unsafe { (*(*fcinfo).context.cast::<pg_sys::TriggerData>()).tg_event };
    if event & pg_sys::TRIGGER_EVENT_OPMASK == pg_sys::TRIGGER_EVENT_DELETE
        && values(fcinfo, "by_hand") == ["t"]
    {
        members.iter().for_each(|member| roles::stay(member));
    }
    catalog::changed();
}

#[pg_extern(sql = false)]
fn follow_organisation(fcinfo: pg_sys::FunctionCallInfo) {
    let projects = values(fcinfo, "default_project");
    if turn::of_organisation() {
        turn::take_projects(projects.iter().filter_map(|text| number_of(text)).collect());
    }
    roles::sync_default(Groups::Find);
    catalog::changed();
}

#[pg_extern(sql = false)]
fn follow_project(fcinfo: pg_sys::FunctionCallInfo) {
    let within = turn::of_row(project_of(fcinfo));
    roles::sync_owners(Groups::Find, within);
    catalog::changed();
}

/// Grants the groups their privileges on a table that is there before its row, as in a restore. `pc_create_index` makes the
/// table after the row and grants the same.
#[pg_extern(sql = false)]
fn follow_index(fcinfo: pg_sys::FunctionCallInfo) {
    for index in values(fcinfo, "index_id").iter().filter_map(|index| index.parse().ok()) {
        if roles::privileges::table_of(index).is_some() {
            turn::take_all();
            roles::sync_index(index);
        }
    }
}

/// A row of the registry has come, gone or changed, which sessions keep.
#[pg_extern(sql = false)]
fn tell_index(fcinfo: pg_sys::FunctionCallInfo) {
    values(fcinfo, "index_id");
    catalog::changed();
}

// The number of a role, or 0: a column of `pc_auth.member` that is computed from the name when a row comes in, so that
// a dump, which carries names, finds the roles of another cluster. `#[pg_extern]` would return NULL for 0, and refuse the row.
export!(role_number, |fcinfo| {
    // SAFETY: the argument is declared as a name, which is a C string.
    pg_sys::Datum::from(role_named(unsafe { CStr::from_ptr(argument(fcinfo, 0).cast_mut_ptr()) }))
});
