-- The tables whose code runs where the tables $1, users' own that are indexes, are written to: for each source the table itself (is_own), and
-- those that the server comes to by foreign keys. It writes to a table that refers to one of them (is_written), by CASCADE and SET NULL, and
-- looks into it for the others; and it looks into a table that they refer to. Both as that table's owner, but in the session of who writes.
-- A table without rows that would be found is planned for all the same, and planning runs functions of indexes and constraints.
-- A foreign key is found by its triggers on the table that it refers to. One that is not enforced has none.
WITH RECURSIVE written (source, relation) AS (
    SELECT s, s FROM pg_catalog.unnest($1) AS s
    UNION
    SELECT w.source, c.conrelid
      FROM written w
      JOIN pg_catalog.pg_trigger t ON t.tgrelid OPERATOR(pg_catalog.=) w.relation
      JOIN pg_catalog.pg_constraint c ON c.oid OPERATOR(pg_catalog.=) t.tgconstraint AND c.contype OPERATOR(pg_catalog.=) 'f'
), touched (source, relation, is_own, is_written) AS (
    SELECT source, relation, source OPERATOR(pg_catalog.=) relation, true FROM written
    UNION
    SELECT w.source, c.confrelid, false, false
      FROM written w
      JOIN pg_catalog.pg_constraint c ON c.conrelid OPERATOR(pg_catalog.=) w.relation AND c.contype OPERATOR(pg_catalog.=) 'f'
     WHERE NOT EXISTS (SELECT FROM written o
                        WHERE o.source OPERATOR(pg_catalog.=) w.source AND o.relation OPERATOR(pg_catalog.=) c.confrelid)
)
