//! `pc_sync_roles`: makes all roles again from the rows, where triggers could not, and the triggers of index tables that are gone.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::take_over::take_over;
use crate::pg::error::raise;
use crate::pg::spi::{Mode, run};
use crate::pinecone::access::elevate::as_owner;
use crate::pinecone::access::judge::attempt::Attempt;
use crate::pinecone::access::roles::{self, Groups};
use crate::pinecone::counts::triggers;
use crate::pinecone::engine_types::{Home, schema_of};
use crate::pinecone::registry::table;
use conifer_pure::Fault;
use conifer_pure::fault::state::NULL_VALUE_NOT_ALLOWED;
use conifer_pure::pinecone::access::principal::Kind;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_sync_roles(claim: Option<bool>, fcinfo: pg_sys::FunctionCallInfo) -> i64 {
    let attempt = Attempt::of("sync_roles", "organisation", "");
    attempt.allow(attempt.who.admin.organisation, "make roles");
    let Some(claim) = claim else { raise(Fault::new(NULL_VALUE_NOT_ALLOWED, "claim must not be null")) };
    // Who owns the organisation of a copy need have no say in the original.
    attempt.allow(!claim || attempt.who.kind == Kind::Superuser, "take over the keys of another database");
    attempt.writes();
    let texts = |sql: &str| -> Vec<String> {
        as_owner(|| run(Mode::Write, sql, &[], |rows| rows.each(|row| rows.get(row, 0))))
    };
    roles::turn::take_all();
    roles::open_own_schemas();
    roles::open_schema(&schema_of(fcinfo));
    roles::open_schema(&Home::find().quoted);
    let mut changed = 0;
    if claim {
        changed = take_over();
        attempt.done_to_organisation(Some(&format!("{{\"claim\":true,\"roles\":{changed}}}")));
    }
    for index in texts("SELECT index_id::pg_catalog.text FROM pc.index_reg") {
        pgrx::check_for_interrupts!();
        if let Ok(index) = index.parse() {
            changed += i64::from(roles::privileges::take_back(index));
            roles::sync_index(index);
            triggers::repair(&table(index));
        }
    }
    changed += roles::names::refresh() as i64;
    // Members' rows that came before their roles. Whoever has made a role of that name gets what is given.
    let sql = "UPDATE pc_auth.member SET member = member \
                WHERE role_oid OPERATOR(pg_catalog.=) '0' AND pc_auth.role_number(member) OPERATOR(pg_catalog.<>) '0' \
            RETURNING pg_catalog.format('role \"%s\" takes over what a row gives to that name: %s', member, role)";
    let taken = texts(sql);
    let left = "SELECT pg_catalog.format('\"%s\" has no role, and whichever gets that name will be given: %s', member, role) \
                  FROM pc_auth.member WHERE role_oid OPERATOR(pg_catalog.=) '0' ORDER BY 1";
    for line in taken.into_iter().chain(texts(left)) {
        notice!("{line}");
    }
    changed + roles::sync_all(Groups::Make)
}
