-- What the tables of touched.sql have of code that neither the server nor a superuser answers for: it runs with the rights of whoever
-- reads the index, or writes to it (is_for_writers), or in the session of that role. A column for the source, one for what was found, and a hint.
--
-- Functions are those in the trees of expressions, where those of the server stand as well: no dependency is recorded of them. Some
-- of these do what a text, a name or a number tells them, as query_to_xml, pg_read_file and domain_in, or change the session, as
-- set_config. So the server's functions are those that are allowed, not those that are refused:
--   - immutable ones without an argument of the types cstring and internal (types' input functions take them, domain_in a type's number, too),
--     and without a number of something that has code (satisfies_hash_partition evaluates the key of the table that it is given);
--   - some stable ones that only tell of the clock, the session or the settings, or write values as text. They may call types'
--     output functions and casts to json: types are judged below;
--   - some volatile ones whose results alone are new each time; nextval in a default, of a sequence of the table's owner that is named there.
-- Extensions' functions are owned by a superuser also where anybody may create the extension (tablefunc, lo). Of them, Conifer's own
-- included, those are allowed that are immutable and in C, or in SQL that was parsed when they were made: other SQL finds its functions by
-- the session's search_path. Apart from these, the ones that the policies of the index call, and UUIDs. Triggers of extensions are not
-- allowed, nor are Conifer's, which belong on its own tables.
--
-- Objects of the owner that have functions besides, and need no arm here:
--   - Operator classes and families, access methods, text search parsers and templates, base types: superusers alone make them. So an
--     exclusion constraint, an index or a foreign key has operators that a superuser answers for. Text search
--     configurations and dictionaries are made of templates and options, and run C of the template.
--   - Conversions and transforms take functions with arguments of type internal, which only languages have that superusers alone may use.
--   - Collations, publications and their row filters (of the server's immutable functions, run where changes are sent), default privileges and
--     event triggers: no code of the owner runs in a statement on records; event triggers are superusers' alone.
--   - A cast with INOUT has no function of its own. Defaults of identity columns are sequences' next numbers, without an expression.
--   - Subtype differences and canonical functions of ranges and multiranges: the type is judged.
, part (source, class, object, is_for_writers, tree) AS (
    SELECT t.source, 'pg_catalog.pg_policy'::pg_catalog.regclass::pg_catalog.oid, p.oid, false,
           pg_catalog.concat(p.polqual::pg_catalog.text, p.polwithcheck::pg_catalog.text)
      FROM touched t JOIN pg_catalog.pg_policy p ON p.polrelid OPERATOR(pg_catalog.=) t.relation
     WHERE t.is_own -- no policies hold where the server follows a foreign key
    UNION ALL
    SELECT t.source, 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, c.oid, NOT t.is_own, c.conbin::pg_catalog.text
      FROM touched t JOIN pg_catalog.pg_constraint c ON c.conrelid OPERATOR(pg_catalog.=) t.relation
    UNION ALL
    SELECT t.source, 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, i.indexrelid, NOT t.is_own,
           pg_catalog.concat(i.indexprs::pg_catalog.text, i.indpred::pg_catalog.text)
      FROM touched t JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) t.relation
    UNION ALL
    SELECT t.source, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass::pg_catalog.oid, s.oid, NOT t.is_own, s.stxexprs::pg_catalog.text
      FROM touched t JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid OPERATOR(pg_catalog.=) t.relation
    UNION ALL
    -- A virtual generated column is computed for readers. A table's own sequence gives numbers to those who may use it.
    SELECT t.source, 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid, d.oid,
           NOT t.is_own OR a.attgenerated OPERATOR(pg_catalog.<>) 'v',
           CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_depend x
                               JOIN pg_catalog.pg_class s ON s.oid OPERATOR(pg_catalog.=) x.refobjid AND s.relkind OPERATOR(pg_catalog.=) 'S'
                              WHERE x.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid
                                AND x.objid OPERATOR(pg_catalog.=) d.oid
                                AND x.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
                                AND s.relowner OPERATOR(pg_catalog.<>) r.relowner)
                THEN d.adbin::pg_catalog.text
                ELSE pg_catalog.regexp_replace(d.adbin::pg_catalog.text,
                         ':funcid 1574 [^(){}]*:args [(][{]CONST :consttype 2205 [^(){}]*[}][)]', '', 'g') END
      FROM touched t
      JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) t.relation
      JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) d.adrelid AND a.attnum OPERATOR(pg_catalog.=) d.adnum
      JOIN pg_catalog.pg_class r ON r.oid OPERATOR(pg_catalog.=) t.relation
     WHERE t.is_written
    UNION ALL
    SELECT t.source, 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid, g.oid, true, g.tgqual::pg_catalog.text
      FROM touched t JOIN pg_catalog.pg_trigger g ON g.tgrelid OPERATOR(pg_catalog.=) t.relation AND NOT g.tgisinternal
     WHERE t.is_written
), listed (source, class, object, is_for_writers, number) AS (
    -- lists of types and operators, as of a query's columns; no dependency is recorded of all
    SELECT p.source, p.class, p.object, p.is_for_writers, n::pg_catalog.oid
      FROM part p
     CROSS JOIN LATERAL pg_catalog.regexp_matches(p.tree, '[(]o ([0-9 ]+)[)]', 'g') AS m
     CROSS JOIN LATERAL pg_catalog.regexp_split_to_table(m[1], ' ') AS n
     WHERE n OPERATOR(pg_catalog.<>) ''
), operated (source, class, object, is_for_writers, operator) AS (
    SELECT p.source, p.class, p.object, p.is_for_writers, m[1]::pg_catalog.oid
      FROM part p CROSS JOIN LATERAL pg_catalog.regexp_matches(p.tree, ':(?:opno|eqop|sortop) ([0-9]+)', 'g') AS m
    UNION
    SELECT l.* FROM listed l
    UNION
    SELECT p.source, p.class, p.object, p.is_for_writers, d.refobjid
      FROM part p
      JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) p.class AND d.objid OPERATOR(pg_catalog.=) p.object
       AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid
), called (source, class, object, is_for_writers, function) AS (
    SELECT p.source, p.class, p.object, p.is_for_writers, m[1]::pg_catalog.oid
      FROM part p CROSS JOIN LATERAL pg_catalog.regexp_matches(
           p.tree, ':(?:funcid|opfuncid|hashfuncid|negfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') AS m
    UNION
    SELECT o.source, o.class, o.object, o.is_for_writers, x.oprcode::pg_catalog.oid
      FROM operated o JOIN pg_catalog.pg_operator x ON x.oid OPERATOR(pg_catalog.=) o.operator
    UNION
    SELECT p.source, p.class, p.object, true, t.tgfoid
      FROM part p JOIN pg_catalog.pg_trigger t ON t.oid OPERATOR(pg_catalog.=) p.object
     WHERE p.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid
    UNION
    SELECT p.source, p.class, p.object, p.is_for_writers, d.refobjid
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
      FROM part p CROSS JOIN LATERAL pg_catalog.regexp_matches(p.tree, ':[A-Za-z0-9_]*[tT]yp(?:e|id|eid|eId) ([0-9]+)', 'g') AS m
    UNION
    SELECT l.* FROM listed l
    UNION
    SELECT t.source, d.classid, d.objid, NOT t.is_own, d.refobjid
      FROM touched t
      JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
       AND d.objid OPERATOR(pg_catalog.=) t.relation
       AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid
     WHERE t.is_written
), judged AS (
    SELECT c.*, p.provolatile, p.proname, e.extname,
           r.rolsuper OR r.rolname OPERATOR(pg_catalog.=) 'conifer_owner' AS is_trusted,
           l.lanname OPERATOR(pg_catalog.=) ANY ('{c,internal}'::pg_catalog.name[]) OR p.prosqlbody IS NOT NULL AS is_bound,
           p.oid OPERATOR(pg_catalog.<) 16384::pg_catalog.oid AS is_of_server,
           p.prorettype OPERATOR(pg_catalog.=) 'pg_catalog.trigger'::pg_catalog.regtype::pg_catalog.oid AS is_trigger,
           p.proargtypes::pg_catalog.oid[] OPERATOR(pg_catalog.&&)
               '{pg_catalog.cstring,pg_catalog.internal}'::pg_catalog.regtype[]::pg_catalog.oid[] AS takes_internals,
           p.proargtypes::pg_catalog.oid[] OPERATOR(pg_catalog.&&)
               '{pg_catalog.oid,pg_catalog.regclass,pg_catalog.regproc,pg_catalog.regprocedure,pg_catalog.regoper,pg_catalog.regoperator,
                 pg_catalog.regtype}'::pg_catalog.regtype[]::pg_catalog.oid[] AS takes_number
      FROM called c
      JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) c.function
      JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) p.prolang
      LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) p.proowner
      LEFT JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid
       AND d.objid OPERATOR(pg_catalog.=) p.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
      LEFT JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
)
SELECT c.source, c.is_for_writers,
       pg_catalog.concat('function ', c.function::pg_catalog.regprocedure, ' of ', pg_catalog.pg_describe_object(c.class, c.object, 0)) AS what,
       CASE WHEN c.is_trusted THEN 'The owner of the table can drop it.'
            ELSE pg_catalog.concat('The owner of the table can drop it; or let a superuser who trusts the function take it over: ALTER FUNCTION ',
                                   c.function::pg_catalog.regprocedure, ' OWNER TO ...;') END AS hint
  FROM judged c
 WHERE (CASE
        WHEN c.is_trusted IS NOT TRUE THEN false
        WHEN c.is_trigger THEN
            CASE WHEN c.is_of_server THEN
                     c.proname OPERATOR(pg_catalog.=) ANY ('{suppress_redundant_updates_trigger,unique_key_recheck,
                         tsvector_update_trigger,tsvector_update_trigger_column}'::pg_catalog.name[])
                 ELSE c.extname IS NULL END
        WHEN c.takes_internals THEN false
        WHEN c.is_of_server THEN
            CASE
            WHEN c.provolatile OPERATOR(pg_catalog.=) 'i' THEN NOT c.takes_number OR c.proname OPERATOR(pg_catalog.=) ANY (
                '{oideq,oidne,oidlt,oidle,oidgt,oidge,btoidcmp,hashoid,hashoidextended,oidlarger,oidsmaller,int8,min,max}'::pg_catalog.name[])
            WHEN c.provolatile OPERATOR(pg_catalog.=) 's' THEN NOT c.takes_number AND c.proname OPERATOR(pg_catalog.=) ANY (
                '{now,transaction_timestamp,statement_timestamp,age,date,date_add,date_subtract,date_part,date_trunc,extract,generate_series,
                  in_range,make_timestamptz,overlaps,time,timestamp,timestamptz,timetz,timezone,to_char,to_date,to_number,to_timestamp,
                  date_cmp_timestamptz,date_eq_timestamptz,date_ge_timestamptz,date_gt_timestamptz,date_le_timestamptz,date_lt_timestamptz,
                  date_ne_timestamptz,timestamp_cmp_timestamptz,timestamp_eq_timestamptz,timestamp_ge_timestamptz,timestamp_gt_timestamptz,
                  timestamp_le_timestamptz,timestamp_lt_timestamptz,timestamp_ne_timestamptz,timestamptz_cmp_date,timestamptz_cmp_timestamp,
                  timestamptz_eq_date,timestamptz_eq_timestamp,timestamptz_ge_date,timestamptz_ge_timestamp,timestamptz_gt_date,
                  timestamptz_gt_timestamp,timestamptz_le_date,timestamptz_le_timestamp,timestamptz_lt_date,timestamptz_lt_timestamp,
                  timestamptz_ne_date,timestamptz_ne_timestamp,timestamptz_pl_interval,timestamptz_mi_interval,interval_pl_timestamptz,
                  current_database,current_schema,current_setting,current_user,session_user,system_user,getpgusername,
                  inet_client_addr,inet_client_port,money,numeric,
                  anytextcat,textanycat,array_to_string,concat,concat_ws,format,quote_literal,quote_nullable,convert,convert_from,convert_to,length,
                  array_to_json,row_to_json,to_json,to_jsonb,json_build_array,json_build_object,jsonb_build_array,jsonb_build_object,
                  json_agg,json_object_agg,jsonb_agg,enum_first,enum_last,enum_range,
                  to_tsvector,to_tsquery,plainto_tsquery,phraseto_tsquery,websearch_to_tsquery,ts_headline,ts_match_tq,ts_match_tt}'::pg_catalog.name[])
            ELSE NOT c.takes_number AND c.proname OPERATOR(pg_catalog.=) ANY (
                '{random,random_normal,gen_random_uuid,uuidv4,uuidv7,clock_timestamp,timeofday}'::pg_catalog.name[])
            END
        WHEN c.extname IS NULL THEN true
        WHEN c.provolatile OPERATOR(pg_catalog.=) 'i' THEN
            c.is_bound AND NOT c.takes_number
        WHEN c.extname OPERATOR(pg_catalog.=) 'conifer' THEN
            c.function OPERATOR(pg_catalog.=) ANY (ARRAY[
                pg_catalog.to_regprocedure('pc_auth.reads_all(pg_catalog.uuid,pg_catalog.int4)'),
                pg_catalog.to_regprocedure('pc_auth.readable(pg_catalog.uuid,pg_catalog.int4)'),
                pg_catalog.to_regprocedure('pc_auth.writes_all(pg_catalog.uuid,pg_catalog.int4)'),
                pg_catalog.to_regprocedure('pc_auth.writable(pg_catalog.uuid,pg_catalog.int4)')]::pg_catalog.oid[])
        WHEN c.extname OPERATOR(pg_catalog.=) 'uuid-ossp' THEN
            c.proname OPERATOR(pg_catalog.=) ANY ('{uuid_generate_v1,uuid_generate_v1mc,uuid_generate_v4}'::pg_catalog.name[])
        WHEN c.extname OPERATOR(pg_catalog.=) 'pgcrypto' THEN c.proname OPERATOR(pg_catalog.=) 'gen_random_uuid'
        ELSE false END) IS NOT TRUE
UNION ALL
-- An operator stands for its negator and commutator as well, which the planner takes in its place, and no dependency is recorded of them.
SELECT o.source, o.is_for_writers,
       pg_catalog.concat('operator ', o.operator::pg_catalog.regoperator, ' of ', pg_catalog.pg_describe_object(o.class, o.object, 0)),
       'The owner of the table can drop it, or write it with an operator of the server.'
  FROM operated o
  JOIN pg_catalog.pg_operator x ON x.oid OPERATOR(pg_catalog.=) o.operator
  LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) x.oprowner
 WHERE (r.rolsuper OR r.rolname OPERATOR(pg_catalog.=) 'conifer_owner') IS NOT TRUE
UNION ALL
SELECT t.source, t.is_for_writers,
       pg_catalog.concat('type ', t.type::pg_catalog.regtype, ' of ', pg_catalog.pg_describe_object(t.class, t.object, 0)),
       'The owner of the table can change the column to a type of the server.'
  FROM typed t
  JOIN pg_catalog.pg_type y ON y.oid OPERATOR(pg_catalog.=) t.type
  LEFT JOIN pg_catalog.pg_type e ON e.oid OPERATOR(pg_catalog.=) y.typelem
   AND y.typcategory OPERATOR(pg_catalog.=) 'A' AND y.typtype OPERATOR(pg_catalog.=) 'b' -- a domain over an array is none
  LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) COALESCE(e.typowner, y.typowner)
 WHERE r.rolsuper IS NOT TRUE
   AND (COALESCE(e.typtype, y.typtype) OPERATOR(pg_catalog.=) ANY ('{c,d,r,m}'::pg_catalog."char"[])
        OR EXISTS (SELECT FROM pg_catalog.pg_cast k
                    WHERE COALESCE(e.oid, y.oid) OPERATOR(pg_catalog.=) ANY (ARRAY[k.castsource, k.casttarget]) AND k.castfunc OPERATOR(pg_catalog.<>) 0::pg_catalog.oid))
UNION ALL
SELECT p.source, false, pg_catalog.concat('a query of ', pg_catalog.pg_describe_object(p.class, p.object, 0)),
       'The owner of the table can drop the policy.'
  FROM part p
 WHERE p.class OPERATOR(pg_catalog.=) 'pg_catalog.pg_policy'::pg_catalog.regclass::pg_catalog.oid
   AND p.tree OPERATOR(pg_catalog.~) ':relid [1-9]'
UNION ALL
SELECT t.source, NOT t.is_own, pg_catalog.pg_describe_object('pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid, w.oid, 0),
       'The owner of the table can drop the rule.'
  FROM touched t JOIN pg_catalog.pg_rewrite w ON w.ev_class OPERATOR(pg_catalog.=) t.relation
 WHERE t.is_written
UNION ALL
SELECT t.source, NOT t.is_own,
       pg_catalog.concat('table ', h.inhrelid::pg_catalog.regclass, ', which inherits from table ', h.inhparent::pg_catalog.regclass),
       'The owner of the table can take it out: ALTER TABLE ... NO INHERIT, or DETACH PARTITION.'
  FROM touched t
  JOIN pg_catalog.pg_inherits h ON t.relation OPERATOR(pg_catalog.=) h.inhrelid OR t.relation OPERATOR(pg_catalog.=) h.inhparent
UNION ALL
-- one without partitions, whose key has expressions all the same
SELECT t.source, NOT t.is_own, pg_catalog.concat('partitioned table ', t.relation::pg_catalog.regclass, ' behind a foreign key'),
       'The owner of the table can drop the foreign key.'
  FROM touched t JOIN pg_catalog.pg_class r ON r.oid OPERATOR(pg_catalog.=) t.relation AND r.relkind OPERATOR(pg_catalog.<>) 'r'
 WHERE NOT t.is_own
