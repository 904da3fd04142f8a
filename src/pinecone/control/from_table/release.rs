//! An index over a user's table goes; the table stays, with all its rows.
#![allow(unsafe_code)]

use super::adopt::name;
use super::name::{hold as hold_name, moved};
use crate::pg::spi::{Mode, Param, run, run_once};
use crate::pinecone::access::elevate::{OWNER, as_superuser};
use crate::pinecone::access::way;
use crate::pinecone::control::dependents;
use crate::pinecone::registry::table;
use pgrx::prelude::*;

/// The locked table behind an index's view; none if either is gone.
pub fn hold(index: i32) -> Option<pg_sys::Oid> {
    let sql = "SELECT pc.source_of(pg_catalog.to_regclass($1)::pg_catalog.oid)";
    let find = || {
        as_superuser(|| {
            run(Mode::Write, sql, &[Param::text(&*table(index))], |rows| rows.get::<pg_sys::Oid>(0, 0))
        })
    };
    let source = find()?;
    way::make_for_table(source);
    find().filter(|now| *now == source)
}

/// Takes all that an index has put on a table away again.
pub fn release(index: i32, source: Option<pg_sys::Oid>) {
    let Some(source) = source else { return };
    let view = table(index);
    as_superuser(|| {
        let sql = "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid";
        if let Some(number) =
            run(Mode::Write, sql, &[Param::text(&*view)], |rows| rows.get::<pg_sys::Oid>(0, 0))
        {
            // SAFETY: within a transaction, which releases the lock; a view that is gone may be locked all the same.
            unsafe { pg_sys::LockRelationOid(number, pg_sys::AccessExclusiveLock as i32) };
        }
        dependents::drop("VIEW", &view);
    });
    let named = |what: &str| name(index, what);
    let sql = "SELECT (SELECT pg_catalog.string_agg(pg_catalog.format('DROP CONSTRAINT %I', conname), ', ') FROM pg_catalog.pg_constraint
                        WHERE conrelid OPERATOR(pg_catalog.=) c.oid AND conname OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.name[])),
                      ARRAY(SELECT pg_catalog.format('%I', polname) FROM pg_catalog.pg_policy
                             WHERE polrelid OPERATOR(pg_catalog.=) c.oid AND polname OPERATOR(pg_catalog.=) ANY ($3::pg_catalog.name[])),
                      ARRAY(SELECT pg_catalog.format('%I.%I', n.nspname, i.relname) FROM pg_catalog.pg_index x
                              JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
                             WHERE x.indrelid OPERATOR(pg_catalog.=) c.oid AND i.relname OPERATOR(pg_catalog.=) ANY ($4::pg_catalog.name[])),
                      (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(attname), ', ') FROM pg_catalog.pg_attribute
                        WHERE attrelid OPERATOR(pg_catalog.=) c.oid AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped),
                      EXISTS (SELECT FROM pg_catalog.pg_policy
                               WHERE polrelid OPERATOR(pg_catalog.=) c.oid AND polname OPERATOR(pg_catalog.<>) ALL ($3::pg_catalog.name[]))
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                WHERE c.oid OPERATOR(pg_catalog.=) $1";
    let names = |all: &[&str]| all.iter().map(|what| named(what)).collect::<Vec<_>>();
    let constraints = names(&["id_valid", "namespace_valid", "values_valid", "metadata_valid"]);
    let policies = names(&["others", "reading", "inserting", "updating", "deleting"]);
    let indexes = names(&["graph", "filter"]);
    let texts = |all: &[String]| Param::texts(Some(&all.iter().map(String::as_str).collect::<Vec<_>>()));
    let params = || [Param::oid(source), texts(&constraints), texts(&policies), texts(&indexes)];
    as_superuser(|| {
        lock_indexes(source);
        let Some(of) = hold_name(source) else { return };
        let found = run(Mode::Write, sql, &params(), |rows| {
            (rows.count > 0).then(|| {
                let text = |column| rows.get::<String>(0, column);
                let all = |column| {
                    rows.get::<Vec<Option<String>>>(0, column).unwrap_or_default().into_iter().flatten()
                };
                let (policies, indexes) = (all(1).collect::<Vec<_>>(), all(2).collect::<Vec<_>>());
                (text(0), policies, indexes, text(3), rows.get(0, 4) == Some(true))
            })
        });
        let Some((constraints, policies, indexes, columns, has_other_policies)) = found else { return };
        if let Some(constraints) = constraints {
            run_once(&format!("ALTER TABLE {of} {constraints}"));
        }
        policies.iter().for_each(|policy| run_once(&format!("DROP POLICY {policy} ON {of}")));
        if !has_other_policies {
            run_once(&format!("ALTER TABLE {of} DISABLE ROW LEVEL SECURITY"));
        }
        indexes.iter().for_each(|index| run_once(&format!("DROP INDEX {index}")));
        if let Some(columns) = columns {
            let owner = OWNER.to_string_lossy();
            run_once(&format!(
                "REVOKE SELECT ({columns}), INSERT ({columns}), UPDATE ({columns}), DELETE ON {of} FROM {owner}"
            ));
        }
        // All of it has gone from the table that was looked at.
        let gone = "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_constraint
                                        WHERE conrelid OPERATOR(pg_catalog.=) $1 AND conname OPERATOR(pg_catalog.=) ANY ($2::pg_catalog.name[]))
                           AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy
                                            WHERE polrelid OPERATOR(pg_catalog.=) $1 AND polname OPERATOR(pg_catalog.=) ANY ($3::pg_catalog.name[]))
                           AND NOT EXISTS (SELECT FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
                                            WHERE x.indrelid OPERATOR(pg_catalog.=) $1 AND i.relname OPERATOR(pg_catalog.=) ANY ($4::pg_catalog.name[]))
                           AND (NOT relrowsecurity OR EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid OPERATOR(pg_catalog.=) $1))
                      FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) $1";
        if run(Mode::Write, gone, &params(), |rows| rows.get(0, 0)) != Some(true) {
            moved(&of);
        }
        notice!("table {of} stays, with its rows");
    });
}

/// Locks the indexes of a table: ALTER INDEX RENAME takes no lock on the table.
fn lock_indexes(table: pg_sys::Oid) {
    let sql = "SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid OPERATOR(pg_catalog.=) $1";
    let indexes: Vec<pg_sys::Oid> =
        run(Mode::Write, sql, &[Param::oid(table)], |rows| rows.each(|row| rows.get(row, 0)));
    for index in indexes {
        // SAFETY: within a transaction, which releases the lock; an index that is gone may be locked all the same.
        unsafe { pg_sys::LockRelationOid(index, pg_sys::AccessExclusiveLock as i32) };
    }
}
