SELECT 'objects'::text, 'members of conifer_owner'::text, CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'fail' END::text,
       COALESCE(pg_catalog.string_agg(m.member::regrole::text, ', '), 'none')::text,
       CASE WHEN pg_catalog.count(*) > 0 THEN 'revoke it: it owns the records of all projects' END::text
  FROM pg_catalog.pg_auth_members m WHERE m.roleid = 'conifer_owner'::regrole
UNION ALL
SELECT 'objects', 'roles with BYPASSRLS', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'warn' END,
       COALESCE(pg_catalog.string_agg(r.rolname, ', '), 'none'),
       CASE WHEN pg_catalog.count(*) > 0 THEN 'policies do not hold for them: keep them for backups' END
  FROM pg_catalog.pg_roles r WHERE r.rolbypassrls AND NOT r.rolsuper
UNION ALL
SELECT 'objects', 'table ' || c.oid::regclass, 'fail',
       pg_catalog.concat_ws(', ', CASE WHEN NOT c.relrowsecurity THEN 'row security is off' END,
                            CASE WHEN c.relowner <> 'conifer_owner'::regrole THEN 'owned by ' || c.relowner::regrole END,
                            CASE WHEN p.ours <> 4 THEN 'policies are missing or were changed' END,
                            CASE WHEN p.others > 0 THEN p.others || ' permissive policies of others' END),
       'records are not protected as they should be'
  FROM pc.index_reg i
  JOIN pg_catalog.pg_class c ON c.relname = ('i_' || i.index_id)::name AND c.relnamespace = 'pc_data'::regnamespace
  CROSS JOIN LATERAL (
       SELECT pg_catalog.count(*) FILTER (WHERE p.polroles = '{0}' AND p.polpermissive
                AND (p.polname, p.polcmd) IN (('reading', 'r'), ('inserting', 'a'), ('updating', 'w'), ('deleting', 'd'))
                AND COALESCE(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') || COALESCE(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '')
                    LIKE '%pc_auth.%(''' || i.project_id || '''::uuid, ' || i.index_id || ')%') AS ours,
              pg_catalog.count(*) FILTER (WHERE p.polpermissive AND p.polname NOT IN ('reading', 'inserting', 'updating', 'deleting')) AS others
         FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid) AS p
 WHERE NOT i.is_view AND (NOT c.relrowsecurity OR c.relowner <> 'conifer_owner'::regrole OR p.ours <> 4 OR p.others > 0)
UNION ALL
SELECT 'objects', 'table ' || COALESCE(t.oid, v.oid)::regclass, 'fail',
       pg_catalog.concat_ws(', ', CASE WHEN NOT t.relrowsecurity THEN 'row security is off' END,
                            CASE WHEN v.relowner <> 'conifer_owner'::regrole THEN 'its view ' || v.oid::regclass || ' is owned by ' || v.relowner::regrole END,
                            CASE WHEN p.ours <> 4 THEN 'policies are missing or were changed' END),
       'records are not protected as they should be'
  FROM pc.index_reg i
  JOIN pg_catalog.pg_class v ON v.relname = ('i_' || i.index_id)::name AND v.relnamespace = 'pc_data'::regnamespace
  LEFT JOIN pg_catalog.pg_class t ON t.oid = pc.source_of(v.oid)
  CROSS JOIN LATERAL (
       SELECT pg_catalog.count(*) AS ours
         FROM pg_catalog.pg_policy p WHERE p.polrelid = t.oid AND NOT p.polpermissive AND p.polroles = ARRAY['conifer_owner'::regrole::oid]
          AND p.polcmd IN ('r', 'a', 'w', 'd')
          AND COALESCE(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') || COALESCE(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '')
              LIKE '%pc_auth.%(''' || i.project_id || '''::uuid, ' || i.index_id || ')%') AS p
 WHERE i.is_view AND (t.oid IS NULL OR NOT t.relrowsecurity OR v.relowner <> 'conifer_owner'::regrole OR p.ours <> 4)
UNION ALL
SELECT 'objects', 'index tables under policies', 'ok', pg_catalog.count(*)::text, NULL
  FROM pc.index_reg i JOIN pg_catalog.pg_class c ON c.relname = ('i_' || i.index_id)::name AND c.relnamespace = 'pc_data'::regnamespace
  LEFT JOIN pg_catalog.pg_class t ON i.is_view AND t.oid = pc.source_of(c.oid)
 WHERE COALESCE(t.relrowsecurity, c.relrowsecurity)
UNION ALL
SELECT 'objects', 'rows whose project, key or index is not there', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'warn' END,
       COALESCE(pg_catalog.array_to_string((pg_catalog.array_agg(o.what ORDER BY o.what))[:30], ', ')
                || CASE WHEN pg_catalog.count(o.what) > 30 THEN ', and ' || pg_catalog.count(o.what) - 30 || ' more' ELSE '' END, 'none'),
       CASE WHEN pg_catalog.count(*) > 0 THEN 'a restore or a subscription is under way or was cut off: they give nothing; restore what is missing, or delete them' END
  FROM (
       SELECT 'index ' || name, project_id, NULL, NULL FROM pc.index_reg
       UNION ALL SELECT 'group ' || role_name, project_id, NULL, index_id FROM pc_auth.group_role
       UNION ALL SELECT 'key ' || key_id, project_id, NULL, NULL FROM pc_auth.api_key
       UNION ALL SELECT 'scope of ' || key_id, NULL, key_id, index_id FROM pc_auth.key_scope
       UNION ALL SELECT 'member ' || member, project_id, NULL, NULL FROM pc_auth.member) AS o (what, project_id, key_id, index_id)
 WHERE (o.project_id IS NOT NULL AND NOT EXISTS (SELECT FROM pc_auth.project p WHERE p.project_id = o.project_id))
    OR (o.key_id IS NOT NULL AND NOT EXISTS (SELECT FROM pc_auth.api_key k WHERE k.key_id = o.key_id))
    OR (o.index_id IS NOT NULL AND NOT EXISTS (SELECT FROM pc.index_reg i WHERE i.index_id = o.index_id))
UNION ALL
SELECT 'objects', 'SECURITY DEFINER functions without a pinned search_path', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'warn' END,
       COALESCE(pg_catalog.array_to_string((pg_catalog.array_agg(p.oid::regprocedure::text ORDER BY a.rolsuper DESC, p.oid::regprocedure::text))[:30], ', ')
                || CASE WHEN pg_catalog.count(p.oid::regprocedure::text) > 30 THEN ', and ' || pg_catalog.count(p.oid::regprocedure::text) - 30 || ' more' ELSE '' END, 'none'),
       CASE WHEN pg_catalog.count(*) > 0 THEN 'ALTER FUNCTION ... SET search_path = pg_catalog, pg_temp' END
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_roles a ON a.oid = p.proowner
 WHERE p.prosecdef AND p.prosqlbody IS NULL AND COALESCE(p.proconfig::text, '') !~ 'search_path='
   AND p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
UNION ALL
SELECT 'objects', 'functions of superusers on tables of users', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'warn' END,
       COALESCE(pg_catalog.array_to_string((pg_catalog.array_agg(f.found ORDER BY f.found))[:30], ', ')
                || CASE WHEN pg_catalog.count(f.found) > 30 THEN ', and ' || pg_catalog.count(f.found) - 30 || ' more' ELSE '' END, 'none'),
       CASE WHEN pg_catalog.count(*) > 0
            THEN 'they run with the rights of all who use the index: read them, and ALTER FUNCTION ... OWNER TO an ordinary role those that came by REASSIGN OWNED' END
  FROM (SELECT DISTINCT p.oid::regprocedure || ' on ' || t.oid::regclass AS found
          FROM pc.index_reg i
          JOIN pg_catalog.pg_class v ON v.relname = ('i_' || i.index_id)::name AND v.relnamespace = 'pc_data'::regnamespace
          JOIN pg_catalog.pg_class t ON t.oid = pc.source_of(v.oid)
          JOIN pg_catalog.pg_depend on_it ON on_it.refclassid = 'pg_catalog.pg_class'::regclass AND on_it.refobjid = t.oid
          JOIN pg_catalog.pg_depend calls ON calls.classid = on_it.classid AND calls.objid = on_it.objid
          LEFT JOIN pg_catalog.pg_operator x ON calls.refclassid = 'pg_catalog.pg_operator'::regclass AND x.oid = calls.refobjid
          JOIN pg_catalog.pg_proc p ON p.oid >= 16384
           AND p.oid = CASE WHEN calls.refclassid = 'pg_catalog.pg_proc'::regclass THEN calls.refobjid ELSE x.oprcode::oid END
          JOIN pg_catalog.pg_roles a ON a.oid = p.proowner AND a.rolsuper
         WHERE i.is_view
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                            WHERE e.classid = 'pg_catalog.pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')) AS f
