//! The numbers of records that a caller may see.
#![allow(unsafe_code)]

use super::{base, changes};
use crate::pg::error::OrRaise;
use crate::pg::spi::{Mode, Param, Rows, run};
use crate::pinecone::access::elevate::read_as_owner;
use crate::pinecone::access::judge::guard::Granted;
use crate::pinecone::access::judge::policy::reading_as_shown;
use conifer_pure::memory::allocation::headroom;
use conifer_pure::pinecone::access::scope::Names;
use pgrx::prelude::*;
use std::collections::BTreeMap;

/// Records by namespace, of those that have any.
pub type Counts = BTreeMap<String, i64>;

/// The numbers of records in an index, or in one of its namespaces only, as the caller would count them.
///
/// # Errors
/// Raises 42P01 if the table is gone, 42501 for want of a privilege.
pub fn of(granted: &Granted<'_>, only: Option<&str>, mode: Mode) -> Counts {
    let table = granted.index.table();
    let (known, uncounted) = look_up(granted, &table, only, mode);
    if let Some(counts) = known {
        return counts;
    }
    let condition = if only.is_some() { "WHERE namespace OPERATOR(pg_catalog.=) $1" } else { "" };
    let params: Vec<Param> = only.map(Param::text).into_iter().collect();
    let counts = count(&table, condition, &params, mode);
    if let Some((number, triggers)) = uncounted {
        base::make(&table, number, &triggers);
    }
    counts
}

/// A table whose changes could be known from now on, and by which triggers.
type Uncounted = (pg_sys::Oid, String);

fn look_up(
    granted: &Granted<'_>,
    table: &str,
    only: Option<&str>,
    mode: Mode,
) -> (Option<Counts>, Option<Uncounted>) {
    let names: Option<Vec<&str>> = match (only, granted.names()) {
        (Some(only), _) => Some(vec![only]),
        (None, Names::These(names)) => Some(names.iter().map(String::as_str).collect()),
        (None, Names::All) => None,
    };
    // The table is as it was made, as far as numbers go: all of its rows are in it, and those that the caller sees are those that
    // the policy of ours leaves. All else is counted. So is a table whose file is another now than the snapshot knows: a TRUNCATE has
    // taken rows from it that the snapshot would see, and whose numbers it does see.
    // Only the table's own policies may be put into words, which locks their tables, and takes as long as they are long: hence OFFSET.
    let sql = format!(
        "WITH found AS MATERIALIZED (
             SELECT c.oid AS t, c.relkind OPERATOR(pg_catalog.=) 'r' AND NOT c.relhassubclass
                         AND c.relfilenode OPERATOR(pg_catalog.=) pg_catalog.pg_relation_filenode(c.oid)
                         AND c.relowner OPERATOR(pg_catalog.=) 'conifer_owner'::pg_catalog.regrole::pg_catalog.oid
                         AND pg_catalog.has_column_privilege($2, c.oid, 'namespace', 'SELECT')
                         AND NOT EXISTS (
                             SELECT FROM (SELECT * FROM pg_catalog.pg_policy p WHERE p.polrelid OPERATOR(pg_catalog.=) c.oid OFFSET 0) AS own
                              WHERE polcmd::pg_catalog.text OPERATOR(pg_catalog.=) ANY ('{{r,*}}')
                                AND NOT (polpermissive AND polroles OPERATOR(pg_catalog.=) '{{0}}'
                                         AND pg_catalog.pg_get_expr(polqual, polrelid) OPERATOR(pg_catalog.=) $3)) AS plain
               FROM pg_catalog.pg_class c
              WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid),
         told AS MATERIALIZED (SELECT t, ({triggers}) AS triggers FROM found WHERE plain),
         known AS MATERIALIZED (
             SELECT t, triggers, EXISTS (
                        SELECT FROM pc.counted
                         WHERE relid OPERATOR(pg_catalog.=) t AND counted.triggers OPERATOR(pg_catalog.=) told.triggers) AS is_counted
               FROM told WHERE triggers IS NOT NULL)
         SELECT t, triggers, is_counted, namespace, n
           FROM known LEFT JOIN LATERAL (
                SELECT namespace, pg_catalog.sum(n)::pg_catalog.int8 AS n FROM pc.record_count
                 WHERE is_counted AND relid OPERATOR(pg_catalog.=) t
                   AND ($4 IS NULL OR namespace OPERATOR(pg_catalog.=) ANY ($4))
                 GROUP BY namespace) AS sums ON true",
        triggers = base::triggers_of(),
    );
    // SAFETY: reads who the current user is.
    let caller = unsafe { pg_sys::GetUserId() };
    let shown = reading_as_shown(granted.project(), granted.index.id);
    let params =
        [Param::text(table), Param::oid(caller), Param::text(&*shown), Param::texts(names.as_deref())];
    if is_within_trigger() {
        return (None, None);
    }
    read_as_owner(|| {
        run(mode, &sql, &params, |rows| {
            let Some(number) = (rows.count > 0).then(|| rows.get::<pg_sys::Oid>(0, 0)).flatten() else {
                return (None, None);
            };
            if rows.get::<bool>(0, 2) != Some(true) {
                return (None, rows.get::<String>(0, 1).map(|triggers| (number, triggers)));
            }
            if changes::has(number) && !sees_changes(mode) {
                return (None, None);
            }
            let mut counts = sums(&rows, 3);
            for (namespace, records) in changes::of(number) {
                if names.as_ref().is_none_or(|names| names.contains(&namespace.as_str())) {
                    *counts.entry(namespace).or_default() += records;
                }
            }
            counts.retain(|_, records| *records != 0);
            (Some(counts), None)
        })
    })
}

/// Counts the records that the caller sees, by a condition on parameters.
pub fn count(table: &str, condition: &str, params: &[Param], mode: Mode) -> Counts {
    let sql = format!(
        "SELECT namespace::pg_catalog.text, pg_catalog.count(*) FROM {table} {condition} GROUP BY namespace"
    );
    run(mode, &sql, params, |rows| sums(&rows, 0))
}

/// What rows say in two columns.
fn sums(rows: &Rows, column: usize) -> Counts {
    let mut counts = Counts::new();
    for row in 0..rows.count as usize {
        let (namespace, records) = (rows.get::<String>(row, column), rows.get::<i64>(row, column + 1));
        if let (Some(namespace), Some(records)) = (namespace, records) {
            headroom(namespace.len() + 64).or_raise();
            counts.insert(namespace, records);
        }
    }
    counts
}

/// Whether a statement sees what this transaction has changed last.
fn sees_changes(mode: Mode) -> bool {
    // SAFETY: a function is called with a snapshot, which lives as long as the call.
    mode == Mode::Write
        || unsafe {
            let snapshot = pg_sys::GetActiveSnapshot();
            !snapshot.is_null() && (*snapshot).curcid > changes::last_command()
        }
}

/// Whether a trigger is under way: its statement may not have told of all that it has done.
fn is_within_trigger() -> bool {
    // SAFETY: a function without arguments.
    let depth = unsafe { pgrx::direct_function_call::<i32>(pg_sys::pg_trigger_depth, &[]) };
    depth != Some(0)
}
