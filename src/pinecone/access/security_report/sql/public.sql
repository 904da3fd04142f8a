SELECT 'public'::text, ('PUBLIC may ' || a.privilege_type || ' in this database')::text, 'warn'::text, pg_catalog.current_database()::text,
       CASE a.privilege_type WHEN 'TEMPORARY' THEN 'REVOKE TEMPORARY ON DATABASE ... FROM PUBLIC'
            ELSE 'REVOKE CONNECT ON DATABASE ... FROM PUBLIC, and GRANT it to who needs it' END::text
  FROM pg_catalog.pg_database d, pg_catalog.aclexplode(COALESCE(d.datacl, pg_catalog.acldefault('d', d.datdba))) AS a
 WHERE d.datname = pg_catalog.current_database() AND a.grantee = 0 AND a.privilege_type IN ('CONNECT', 'TEMPORARY')
UNION ALL
SELECT 'public', 'PUBLIC may CREATE in schema ' || n.nspname, 'fail', n.nspname, 'REVOKE CREATE ON SCHEMA ... FROM PUBLIC'
  FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) AS a
 WHERE a.grantee = 0 AND a.privilege_type = 'CREATE'
UNION ALL
SELECT 'public', 'PUBLIC may make large objects', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'warn' END,
       COALESCE(pg_catalog.string_agg(p.proname, ', ' ORDER BY p.proname), 'no'),
       CASE WHEN pg_catalog.count(*) > 0 THEN 'REVOKE EXECUTE ON FUNCTION ... FROM PUBLIC where nobody needs them' END
  FROM pg_catalog.pg_proc p
 WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN ('lo_create', 'lo_creat', 'lo_from_bytea', 'lo_put', 'lowrite')
   AND EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) AS a WHERE a.grantee = 0)
UNION ALL
SELECT 'public', 'PUBLIC has privileges in schemas pc, pc_auth or pc_data', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'fail' END,
       COALESCE(pg_catalog.string_agg(c.oid::regclass::text, ', '), 'no'), CASE WHEN pg_catalog.count(*) > 0 THEN 'REVOKE them' END
  FROM pg_catalog.pg_class c
 WHERE c.relnamespace IN ('pc'::regnamespace, 'pc_auth'::regnamespace, 'pc_data'::regnamespace)
   AND (EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) AS a WHERE a.grantee = 0)
        OR EXISTS (SELECT FROM pg_catalog.pg_attribute k, pg_catalog.aclexplode(k.attacl) AS a WHERE k.attrelid = c.oid AND a.grantee = 0))
UNION ALL
SELECT 'public', 'PUBLIC has privileges on tables', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'warn' END,
       COALESCE(pg_catalog.array_to_string((pg_catalog.array_agg(t.found ORDER BY t.super DESC, t.found))[:30], ', ')
                || CASE WHEN pg_catalog.count(t.found) > 30 THEN ', and ' || pg_catalog.count(t.found) - 30 || ' more' ELSE '' END, 'no'),
       CASE WHEN pg_catalog.count(*) > 0 THEN 'keys and pools read and write there, too: REVOKE them, and GRANT to who needs it' END
  FROM (SELECT c.oid::regclass::text, o.rolsuper
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_roles o ON o.oid = c.relowner
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_'
           AND n.nspname NOT IN ('information_schema', 'pc', 'pc_auth', 'pc_data')
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
           AND (EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) AS a WHERE a.grantee = 0)
                OR EXISTS (SELECT FROM pg_catalog.pg_attribute k, pg_catalog.aclexplode(k.attacl) AS a
                            WHERE k.attrelid = c.oid AND a.grantee = 0))
        UNION ALL
        SELECT pg_catalog.concat_ws(' in ', 'tables that ' || f.defaclrole::regrole || ' will make', n.nspname), o.rolsuper
          FROM pg_catalog.pg_default_acl f JOIN pg_catalog.pg_roles o ON o.oid = f.defaclrole LEFT JOIN pg_catalog.pg_namespace n ON n.oid = f.defaclnamespace
         WHERE f.defaclobjtype = 'r' AND EXISTS (SELECT FROM pg_catalog.aclexplode(f.defaclacl) AS a WHERE a.grantee = 0)) AS t (found, super)
UNION ALL
SELECT 'public', 'server version', CASE WHEN x.num >= x.safe THEN 'ok' ELSE 'fail' END, pg_catalog.current_setting('server_version'),
       CASE WHEN x.num < x.safe THEN 'update: row security had holes that later versions close (CVE-2024-10976, CVE-2024-10978)' END
  FROM (SELECT pg_catalog.current_setting('server_version_num')::int AS num,
               CASE pg_catalog.current_setting('server_version_num')::int / 10000 WHEN 15 THEN 150009 WHEN 16 THEN 160005 WHEN 17 THEN 170001 ELSE 0 END AS safe) AS x
