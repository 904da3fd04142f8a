//! `pc_sync_roles`: makes all roles again from the rows, where triggers could not, and the triggers of index tables that are gone.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use crate::pg::spi::{Mode, run};
use crate::pinecone::access::elevate::as_owner;
use crate::pinecone::access::judge::attempt::Attempt;
use crate::pinecone::access::roles::{self, Groups};
use crate::pinecone::counts::triggers;
use crate::pinecone::engine_types::{Home, schema_of};
use crate::pinecone::registry::table;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_sync_roles(fcinfo: pg_sys::FunctionCallInfo) -> i64 {
    let attempt = Attempt::of("sync_roles", "organisation", "");
    attempt.allow(attempt.who.admin.organisation, "make roles");
    attempt.writes();
    let texts = |sql: &str| -> Vec<String> {
        as_owner(|| run(Mode::Write, sql, &[], |rows| rows.each(|row| rows.get(row, 0))))
    };
    roles::turn::take_all();
    roles::open_schema(&schema_of(fcinfo));
    roles::open_schema(&Home::find().quoted);
    for index in texts("SELECT index_id::pg_catalog.text FROM pc.index_reg") {
        pgrx::check_for_interrupts!();
        if let Ok(index) = index.parse() {
            roles::sync_index(index);
            triggers::repair(&table(index));
        }
    }
    let changed = roles::names::refresh() as i64;
    // Members' rows that came before their roles.
    let sql = "UPDATE pc_auth.member SET member = member \
                WHERE role_oid OPERATOR(pg_catalog.=) '0' AND pc_auth.role_number(member) OPERATOR(pg_catalog.<>) '0' \
            RETURNING member::pg_catalog.text";
    texts(sql);
    changed + roles::sync_all(Groups::Make)
}
