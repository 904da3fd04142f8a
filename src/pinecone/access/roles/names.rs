//! Names of members follow their roles: a role that is renamed keeps what it was given, and no other role gets it by the name.
//!
//! A member's row has the number of its role, by which the row is judged, and the name, which dumps carry. The server has no trigger for
//! ALTER ROLE. Where the library is loaded its hook notes it, and the names are written just before the commit, if nobody has to be waited for; what
//! was left then, or renamed from another database, is found by the next grant, and by `pc_sync_roles`. Until then a dump leaves
//! the row out (sql/access.sql).

use crate::pg::spi::{Mode, Param, run, run_now};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::{as_owner, read_as_owner};
use crate::pinecone::access::roles::{self, patience};
use pgrx::Uuid;
use pgrx::prelude::*;
use std::cell::Cell;

/// Members' rows whose role has another name by now.
const RENAMED: &str = "FROM pc_auth.member m JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.role_oid \
                      WHERE r.rolname OPERATOR(pg_catalog.<>) m.member";

thread_local! {
    /// Whether the transaction has given a role another name.
    static IS_RENAMED: Cell<bool> = const { Cell::new(false) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    IS_RENAMED.with(|_| ());
}

/// A role has another name.
pub fn note() {
    IS_RENAMED.set(true);
}

/// Whether [`commit`] has names to look for.
pub fn pending() -> bool {
    IS_RENAMED.get()
}

/// Writes the names just before the transaction commits, unless others keep it waiting: whoever renames a role need not be one for whom
/// administrators wait, or who waits for them with the turn of all.
pub fn commit() {
    if IS_RENAMED.take() && catalog::has_extension() {
        let _ = patience::attempt(|| {
            refresh();
        });
    }
}

/// The transaction has ended.
pub fn end() {
    IS_RENAMED.set(false);
}

/// A member's row under the name that its role has now.
struct Row {
    grant: Option<Uuid>,
    name: Option<String>,
    role: Option<String>,
    project: Option<Uuid>,
    by: Option<String>,
    at: Option<TimestampWithTimeZone>,
    by_hand: Option<bool>,
}

/// Writes the names that members' roles have now. Returns the number of rows that had another.
pub fn refresh() -> u64 {
    let any = format!("SELECT {RENAMED} LIMIT 1");
    if read_as_owner(|| run_now(&any, &[], |rows| rows.count)) == 0 {
        return 0;
    }
    roles::turn::take_all();
    // Names may have been exchanged: all rows go before the first comes back.
    let gone = format!(
        "WITH gone AS (DELETE FROM pc_auth.member d USING (SELECT m.grant_id, r.rolname {RENAMED}) AS n \
                        WHERE d.grant_id OPERATOR(pg_catalog.=) n.grant_id \
                    RETURNING d.grant_id, n.rolname::pg_catalog.text, d.role, d.project_id, d.granted_by::pg_catalog.text, d.granted_at, d.by_hand) \
         SELECT * FROM gone"
    );
    let rows: Vec<Row> = as_owner(|| {
        run(Mode::Write, &gone, &[], |rows| {
            rows.each(|row| {
                Some(Row {
                    grant: rows.get(row, 0),
                    name: rows.get(row, 1),
                    role: rows.get(row, 2),
                    project: rows.get(row, 3),
                    by: rows.get(row, 4),
                    at: rows.get(row, 5),
                    by_hand: rows.get(row, 6),
                })
            })
        })
    });
    // A row of that name is of a role that is not there any more.
    let back = "INSERT INTO pc_auth.member (grant_id, member, role, project_id, granted_by, granted_at, by_hand) \
                VALUES ($1, $2, $3, $4, $5, $6, $7) \
                ON CONFLICT (member, role, project_id) DO UPDATE \
                   SET member = EXCLUDED.member, granted_by = EXCLUDED.granted_by, granted_at = EXCLUDED.granted_at";
    let count = rows.len() as u64;
    for row in rows {
        let uuid = |id: Option<Uuid>| Param::of(pg_sys::UUIDOID, id.and_then(IntoDatum::into_datum));
        let params = [
            uuid(row.grant),
            Param::name(&row.name.unwrap_or_default()),
            Param::text(row.role.as_deref()),
            uuid(row.project),
            Param::name(&row.by.unwrap_or_default()),
            Param::of(pg_sys::TIMESTAMPTZOID, row.at.and_then(IntoDatum::into_datum)),
            Param::of(pg_sys::BOOLOID, row.by_hand.and_then(IntoDatum::into_datum)),
        ];
        as_owner(|| run(Mode::Write, back, &params, |_| ()));
    }
    count
}
