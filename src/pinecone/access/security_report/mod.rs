//! `pc_security_report`: findings for a security review, each with advice.
//!
//! `sql/` asks the server's catalogs, a file for each area; `disk` asks the operating system.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

mod disk;

use super::elevate::as_superuser;
use super::judge::attempt::Attempt;
use super::judge::foreign_code::FOUND;
use super::roles::home_database::home;
use super::roles::library::LOADS;
use super::roles::pattern;
use super::roles::strangers::is_marked;
use crate::pg::spi::{Mode, Param, run};
use crate::pg::srf::open;
use pgrx::IntoDatum;
use pgrx::prelude::*;

/// Statements without parameters, whose columns are area, item, state, found and advice. `{home}` stands for the database that the role `r`
/// belongs to; `{keys}`, `{of_a_database}` and `{ours}` for names of roles, `{loads}` for settings that load the library, `{marked}` for whether the role
/// `a` has such a setting.
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
            let check = check
                .replace("{home}", &home("r.rolname"))
                .replace("{keys}", pattern::KEYS)
                .replace("{of_a_database}", pattern::OF_A_DATABASE)
                .replace("{ours}", pattern::ALL)
                .replace("{loads}", LOADS)
                .replace("{marked}", &is_marked("a.oid"));
            run(Mode::Read, &check, &[], |rows| store.put(&rows));
        }
        let code = format!(
            "SELECT 'objects'::pg_catalog.text, 'code of others on table ' OPERATOR(pg_catalog.||) source::pg_catalog.regclass::pg_catalog.text,
                    'warn'::pg_catalog.text,
                    pg_catalog.string_agg(DISTINCT pg_catalog.concat(what, CASE WHEN is_for_writers THEN ' (for writers)' END), ', '),
                    'only the owner may use the index: drop it, or let a superuser who trusts it own the function'::pg_catalog.text
               FROM ({FOUND}) AS found GROUP BY source"
        );
        let tables = "SELECT pc.source_of(v.oid) FROM pc.index_reg i
                        JOIN pg_catalog.pg_class v ON v.relname OPERATOR(pg_catalog.=) pg_catalog.concat('i_', i.index_id)::pg_catalog.name
                         AND v.relnamespace OPERATOR(pg_catalog.=) 'pc_data'::pg_catalog.regnamespace::pg_catalog.oid
                       WHERE i.is_view";
        let tables: Vec<pg_sys::Oid> = run(Mode::Read, tables, &[], |rows| rows.each(|row| rows.get(row, 0)));
        let params = [Param::of(pg_sys::OIDARRAYOID, tables.into_datum())];
        run(Mode::Read, &code, &params, |rows| store.put(&rows));
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
