//! Objects of other owners that name an index's table: policies and rules of tables, functions, views. To make one takes no privilege
//! on the table, so it must not keep the index from being deleted by itself.
//!
//! The server drops the table with all of it where nobody whose it is has anything on the table. Otherwise it refuses, and names all of it.

use crate::pg::spi::{Mode, Param, run, run_once};
use crate::pinecone::access::roles::patience::attempt;
use pgrx::pg_sys;

/// Drops the table or the view of an index, which is locked, or gone; and what names it of those who have no privilege on it, unless
/// somebody uses that.
///
/// # Errors
/// Raises 2BP01 for what others have made.
pub fn drop(kind: &str, name: &str) {
    let find = "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid";
    let table = run(Mode::Write, find, &[Param::text(name)], |rows| rows.get::<pg_sys::Oid>(0, 0));
    if table.is_some_and(is_of_strangers)
        && attempt(|| run_once(&format!("DROP {kind} {name} CASCADE"))).is_ok()
    {
        return;
    }
    // IF EXISTS: a user who dropped the table by hand must be able to clear the registry
    run_once(&format!("DROP {kind} IF EXISTS {name}"));
}

/// Whether there are things that would go with a table and are not its owner's, and all of these belong to roles without any privilege on it. Those of
/// pooled sessions do not count: such a role has them on all tables, and may do nothing.
fn is_of_strangers(table: pg_sys::Oid) -> bool {
    // As `findDependentObjects` goes: from the whole to what depends on it, and from an internal part, as a view's rule is, to its whole.
    let sql = "WITH RECURSIVE gone (class, object) AS (
                   SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, $1
                   UNION
                   SELECT next.class, next.object FROM gone g CROSS JOIN LATERAL (
                       SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
                        WHERE d.refclassid OPERATOR(pg_catalog.=) g.class AND d.refobjid OPERATOR(pg_catalog.=) g.object
                       UNION ALL
                       SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_depend d
                        WHERE d.classid OPERATOR(pg_catalog.=) g.class AND d.objid OPERATOR(pg_catalog.=) g.object
                          AND d.deptype OPERATOR(pg_catalog.=) 'i'
                   ) AS next (class, object)
               ), owned AS (
                   SELECT (SELECT o.owner FROM (
                              SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.relowner FROM pg_catalog.pg_class c
                               WHERE c.oid OPERATOR(pg_catalog.=) g.object
                              UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, t.typowner FROM pg_catalog.pg_type t
                               WHERE t.oid OPERATOR(pg_catalog.=) g.object
                              UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, p.proowner FROM pg_catalog.pg_proc p
                               WHERE p.oid OPERATOR(pg_catalog.=) g.object
                              UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, s.stxowner FROM pg_catalog.pg_statistic_ext s
                               WHERE s.oid OPERATOR(pg_catalog.=) g.object
                              UNION ALL SELECT part.class, part.oid, c.relowner FROM (
                                  SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, oid, polrelid FROM pg_catalog.pg_policy
                                  UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, oid, ev_class FROM pg_catalog.pg_rewrite
                                  UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, oid, tgrelid FROM pg_catalog.pg_trigger
                                  UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, oid, adrelid FROM pg_catalog.pg_attrdef
                                  UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid, conrelid FROM pg_catalog.pg_constraint
                                  UNION ALL SELECT 'pg_catalog.pg_publication_rel'::pg_catalog.regclass, oid, prrelid FROM pg_catalog.pg_publication_rel
                              ) AS part (class, oid, relation)
                              JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) part.relation
                               WHERE part.oid OPERATOR(pg_catalog.=) g.object
                          ) AS o (class, oid, owner) WHERE o.class::pg_catalog.oid OPERATOR(pg_catalog.=) g.class) AS owner
                     FROM gone g
               )
               SELECT COALESCE(pg_catalog.bool_or(o.owner OPERATOR(pg_catalog.<>) c.relowner), false)
                      AND NOT pg_catalog.bool_or(
                          o.owner IS NULL
                          OR o.owner OPERATOR(pg_catalog.<>) c.relowner
                             AND (r.rolsuper OR NOT pg_catalog.pg_has_role(o.owner, 'conifer_gateway', 'MEMBER'))
                             AND (pg_catalog.has_table_privilege(o.owner, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                                  OR pg_catalog.has_any_column_privilege(o.owner, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')))
                 FROM owned o CROSS JOIN pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) o.owner WHERE c.oid OPERATOR(pg_catalog.=) $1";
    run(Mode::Write, sql, &[Param::oid(table)], |rows| rows.get::<bool>(0, 0)) == Some(true)
}
