//! `pc_security_report`: findings for a security review, each with advice.
//!
//! `sql/` asks the server's catalogs, a file for each area; `disk` asks the operating system.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

mod disk;

use super::elevate::as_superuser;
use super::judge::attempt::Attempt;
use crate::pg::spi::{Mode, Param, run};
use crate::pg::srf::open;
use pgrx::prelude::*;

/// Statements without parameters, whose columns are area, item, state, found and advice.
const CHECKS: [&str; 7] = [
    include_str!("sql/transport.sql"),
    include_str!("sql/login.sql"),
    include_str!("sql/keys.sql"),
    include_str!("sql/roles.sql"),
    include_str!("sql/objects.sql"),
    include_str!("sql/public.sql"),
    include_str!("sql/logs.sql"),
];

#[pg_extern(sql = false)]
fn pc_security_report(fcinfo: pg_sys::FunctionCallInfo) {
    let attempt = Attempt::of("security_report", "organisation", "");
    attempt.allow(attempt.who.admin.organisation, "read the security report");
    let store = open(fcinfo);
    as_superuser(|| {
        for check in CHECKS {
            run(Mode::Read, check, &[], |rows| store.put(&rows));
        }
        for place in disk::places() {
            let sql = "SELECT 'at rest'::pg_catalog.text, $1, $2, $3, $4";
            let params = [
                Param::text(&*place.what),
                Param::text(place.state),
                Param::text(&*place.found),
                Param::text(place.advice),
            ];
            run(Mode::Read, sql, &params, |rows| store.put(&rows));
        }
    });
}
