-- What the tables $1, users' own that are indexes, have of code that neither the server nor a superuser answers for: it runs with the
-- rights of whoever reads the index, or writes to it (is_for_writers). A column for the table, one for what was found, and a hint.
--
-- Functions are those in the trees of expressions, where those of the server stand as well: no dependency is recorded of them. Some
-- of these do what a text or a name tells them, as query_to_xml and pg_read_file, or change the session, as set_config. So of
-- the server's functions in expressions those that are volatile are taken for such, but for some whose results alone are new each time;
-- and of extensions' volatile ones those with an argument of type text, as dblink.
-- Types have functions of their own: domains conditions, and others casts, which to_json calls.
WITH part (source, class, object, is_for_writers, tree) AS (
    SELECT polrelid, 'pg_catalog.pg_policy'::pg_catalog.regclass::pg_catalog.oid, oid, false,
           pg_catalog.concat(polqual::pg_catalog.text, polwithcheck::pg_catalog.text)
      FROM pg_catalog.pg_policy WHERE polrelid OPERATOR(pg_catalog.=) ANY ($1)
    UNION ALL
    SELECT conrelid, 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, oid, false, conbin::pg_catalog.text
      FROM pg_catalog.pg_constraint WHERE conrelid OPERATOR(pg_catalog.=) ANY ($1)
    UNION ALL
    SELECT indrelid, 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, indexrelid, false,
           pg_catalog.concat(indexprs::pg_catalog.text, indpred::pg_catalog.text)
      FROM pg_catalog.pg_index WHERE indrelid OPERATOR(pg_catalog.=) ANY ($1)
    UNION ALL
    SELECT stxrelid, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass::pg_catalog.oid, oid, false, stxexprs::pg_catalog.text
      FROM pg_catalog.pg_statistic_ext WHERE stxrelid OPERATOR(pg_catalog.=) ANY ($1)
    UNION ALL
    SELECT adrelid, 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid, oid, true, adbin::pg_catalog.text
      FROM pg_catalog.pg_attrdef WHERE adrelid OPERATOR(pg_catalog.=) ANY ($1)
    UNION ALL
    SELECT tgrelid, 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid, oid, true, tgqual::pg_catalog.text
      FROM pg_catalog.pg_trigger WHERE tgrelid OPERATOR(pg_catalog.=) ANY ($1) AND NOT tgisinternal
), called (source, class, object, is_for_writers, function, is_in_expression) AS (
    SELECT p.source, p.class, p.object, p.is_for_writers, m[1]::pg_catalog.oid, true
      FROM part p CROSS JOIN LATERAL pg_catalog.regexp_matches(
           p.tree, ':(?:funcid|opfuncid|hashfuncid|negfuncid|aggfnoid|winfnoid) (\d+)', 'g') AS m
    UNION
    SELECT p.source, p.class, p.object, p.is_for_writers, o.oprcode::pg_catalog.oid, true
      FROM part p CROSS JOIN LATERAL pg_catalog.regexp_matches(p.tree, ':opno (\d+)', 'g') AS m
      JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) m[1]::pg_catalog.oid
    UNION
    SELECT p.source, p.class, p.object, true, t.tgfoid, false
      FROM part p JOIN pg_catalog.pg_trigger t ON t.oid OPERATOR(pg_catalog.=) p.object
     WHERE p.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid
    UNION
    SELECT p.source, p.class, p.object, p.is_for_writers, d.refobjid, false
      FROM part p
      JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) p.class AND d.objid OPERATOR(pg_catalog.=) p.object
       AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
), typed (source, class, object, is_for_writers, type) AS (
    SELECT p.source, p.class, p.object, p.is_for_writers, d.refobjid
      FROM part p
      JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) p.class AND d.objid OPERATOR(pg_catalog.=) p.object
       AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid
    UNION
    SELECT p.source, p.class, p.object, p.is_for_writers, m[1]::pg_catalog.oid
      FROM part p CROSS JOIN LATERAL pg_catalog.regexp_matches(p.tree, ':\w*[tT]yp(?:e|id|eid|eId) (\d+)', 'g') AS m
    UNION
    SELECT d.objid, d.classid, d.objid, false, d.refobjid
      FROM pg_catalog.pg_depend d
     WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
       AND d.objid OPERATOR(pg_catalog.=) ANY ($1)
       AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid
)
SELECT c.source, c.is_for_writers,
       pg_catalog.concat('function ', c.function::pg_catalog.regprocedure, ' of ', pg_catalog.pg_describe_object(c.class, c.object, 0)) AS what,
       CASE WHEN c.is_trusted THEN 'The owner of the table can drop it.'
            ELSE pg_catalog.concat('The owner of the table can drop it; or let a superuser who trusts the function take it over: ALTER FUNCTION ',
                                   c.function::pg_catalog.regprocedure, ' OWNER TO ...;') END AS hint
  FROM (SELECT c.*, p.provolatile, p.proname,
               r.rolsuper OR r.rolname OPERATOR(pg_catalog.=) 'conifer_owner' AS is_trusted,
               p.oid OPERATOR(pg_catalog.<) 16384::pg_catalog.oid AS is_of_server,
               EXISTS (SELECT FROM pg_catalog.pg_depend d
                        WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
                          AND d.objid OPERATOR(pg_catalog.=) p.oid AND d.deptype OPERATOR(pg_catalog.=) 'e')
                  AND 'pg_catalog.text'::pg_catalog.regtype::pg_catalog.oid OPERATOR(pg_catalog.=) ANY (p.proargtypes::pg_catalog.oid[])
                      AS is_told
          FROM called c
          JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) c.function
          LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) p.proowner) AS c
 WHERE c.is_trusted IS NOT TRUE
    OR c.is_in_expression AND c.provolatile OPERATOR(pg_catalog.=) 'v'
       AND (c.is_told OR c.is_of_server AND c.proname OPERATOR(pg_catalog.<>) ALL (
            '{nextval,random,random_normal,gen_random_uuid,uuidv4,uuidv7,clock_timestamp,timeofday}'::pg_catalog.name[]))
    OR c.is_in_expression AND c.is_of_server AND c.provolatile OPERATOR(pg_catalog.<>) 'i'
       AND c.proname::pg_catalog.text OPERATOR(pg_catalog.~) '_to_xml|^pg_'
UNION ALL
SELECT t.source, t.is_for_writers,
       pg_catalog.concat('type ', t.type::pg_catalog.regtype, ' of ', pg_catalog.pg_describe_object(t.class, t.object, 0)),
       'The owner of the table can change the column to a type of the server.'
  FROM typed t
  JOIN pg_catalog.pg_type y ON y.oid OPERATOR(pg_catalog.=) t.type
  LEFT JOIN pg_catalog.pg_type e ON e.oid OPERATOR(pg_catalog.=) y.typelem AND y.typcategory OPERATOR(pg_catalog.=) 'A'
  LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) COALESCE(e.typowner, y.typowner)
 WHERE r.rolsuper IS NOT TRUE
   AND (COALESCE(e.typtype, y.typtype) OPERATOR(pg_catalog.=) ANY ('{c,d,r,m}'::pg_catalog."char"[])
        OR EXISTS (SELECT FROM pg_catalog.pg_cast k
                    WHERE k.castsource OPERATOR(pg_catalog.=) COALESCE(e.oid, y.oid) AND k.castfunc OPERATOR(pg_catalog.<>) 0::pg_catalog.oid))
UNION ALL
SELECT p.source, false, pg_catalog.concat('a query of ', pg_catalog.pg_describe_object(p.class, p.object, 0)),
       'The owner of the table can drop the policy.'
  FROM part p
 WHERE p.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_policy'::pg_catalog.regclass::pg_catalog.oid
   AND p.tree OPERATOR(pg_catalog.~) ':relid [1-9]'
UNION ALL
SELECT w.ev_class, false, pg_catalog.pg_describe_object('pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid, w.oid, 0),
       'The owner of the table can drop the rule.'
  FROM pg_catalog.pg_rewrite w WHERE w.ev_class OPERATOR(pg_catalog.=) ANY ($1)
UNION ALL
SELECT s.source, false, pg_catalog.concat('table ', h.inhrelid::pg_catalog.regclass, ', which inherits from table ', h.inhparent::pg_catalog.regclass),
       'The owner of the table can take it out: ALTER TABLE ... NO INHERIT, or DETACH PARTITION.'
  FROM pg_catalog.unnest($1) AS s (source)
  JOIN pg_catalog.pg_inherits h ON s.source OPERATOR(pg_catalog.=) h.inhrelid OR s.source OPERATOR(pg_catalog.=) h.inhparent
