WITH valid AS (
    SELECT k.*, a.oid, a.rolpassword, a.rolcanlogin, a.rolsuper, a.rolcreaterole, a.rolcreatedb, a.rolreplication, a.rolbypassrls, u.last_used_at
      FROM pc_auth.api_key k
      LEFT JOIN pg_catalog.pg_authid a ON a.rolname = k.key_id::name
      LEFT JOIN pc_auth.key_use u USING (key_id)
     WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > pg_catalog.clock_timestamp())
), found AS (
    SELECT 1 AS place, 'keys without an end' AS item, 'warn' AS state, key_id AS found,
           'set expires_at with pc_update_api_key, and rotate with pc_rotate_api_key' AS advice
      FROM valid WHERE expires_at IS NULL
    UNION ALL
    SELECT 2, 'keys unused for 90 days', 'warn', key_id, 'revoke them with pc_revoke_api_key'
      FROM valid WHERE COALESCE(last_used_at, created_at) < pg_catalog.clock_timestamp() - '90 days'::interval
    UNION ALL
    SELECT 3, 'keys without their role', 'fail', key_id, 'call pc_sync_roles(); in a copy of a database pc_make_independent(), which takes the original''s out' FROM valid WHERE oid IS NULL
    UNION ALL
    SELECT 4, 'keys whose password is not the one that was issued', 'fail', key_id, 'revoke them: somebody has set another'
      FROM valid WHERE oid IS NOT NULL AND rolpassword IS DISTINCT FROM verifier
    UNION ALL
    SELECT 5, 'keys with attributes of a role', 'fail', key_id, 'take SUPERUSER, CREATEROLE, CREATEDB, REPLICATION and BYPASSRLS from them'
      FROM valid WHERE rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
    UNION ALL
    SELECT 6, 'keys with settings of their own', 'warn', v.key_id || ': ' || c.setting, 'ALTER ROLE ... RESET'
      FROM valid v JOIN pg_catalog.pg_db_role_setting s ON s.setrole = v.oid, pg_catalog.unnest(s.setconfig) AS c (setting)
     WHERE c.setting NOT LIKE 'session\_preload\_libraries=%'
       AND (c.setting NOT LIKE 'search\_path=%' OR s.setdatabase <> 0)
    UNION ALL
    SELECT 7, 'keys that load no library at login', CASE WHEN pre.shared THEN 'ok' ELSE 'fail' END, key_id, 'call pc_sync_roles() after ALTER ROLE ... RESET ALL'
      FROM valid, (SELECT pg_catalog.current_setting('shared_preload_libraries') ~ {loads} AS shared) AS pre
     WHERE NOT pre.shared AND oid IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS c (setting)
                        WHERE s.setrole = oid AND c.setting LIKE 'session\_preload\_libraries=%' AND c.setting ~ {loads})
    UNION ALL
    SELECT 8, 'keys that own or were granted objects', 'fail', v.key_id || ' in ' || COALESCE(b.datname, 'the cluster'),
           'REASSIGN or DROP OWNED BY the role'
      FROM valid v JOIN pg_catalog.pg_shdepend d ON d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.refobjid = v.oid
      LEFT JOIN pg_catalog.pg_database b ON b.oid = d.dbid
     WHERE d.deptype IN ('o', 'a')
    UNION ALL
    SELECT 9, 'keys in groups that are not theirs', 'fail', v.key_id || ' in ' || g.rolname, 'REVOKE the group from the role'
      FROM valid v JOIN pg_catalog.pg_auth_members m ON m.member = v.oid JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
     WHERE g.rolname <> 'conifer_keys'
       AND NOT EXISTS (SELECT FROM pc_auth.group_role o WHERE o.role_name = g.rolname AND o.project_id = v.project_id)
    UNION ALL
    SELECT 10, 'keys that look in a schema of their name', 'fail', key_id, 'call pc_sync_roles(): who may create schemas can put functions before Conifer''s'
      FROM valid
     WHERE oid IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS c (setting)
                        WHERE s.setrole = oid AND s.setdatabase = 0 AND c.setting LIKE 'search\_path=%' AND c.setting NOT LIKE '%$user%')
    UNION ALL
    SELECT 11, 'keys whose role may not log in', 'warn', key_id, 'they do not act in pools either: pc_revoke_api_key ends them, ALTER ROLE ... LOGIN gives them back'
      FROM valid WHERE NOT rolcanlogin
)
SELECT 'keys'::text, i.item::text, COALESCE(pg_catalog.max(f.state), 'ok')::text,
       COALESCE(pg_catalog.array_to_string((pg_catalog.array_agg(f.found ORDER BY f.found) FILTER (WHERE f.found IS NOT NULL))[:30], ', ')
                || CASE WHEN pg_catalog.count(f.found) > 30 THEN ', and ' || pg_catalog.count(f.found) - 30 || ' more' ELSE '' END, 'none')::text, pg_catalog.max(f.advice)::text
  FROM (VALUES (1, 'keys without an end'), (2, 'keys unused for 90 days'), (3, 'keys without their role'),
               (4, 'keys whose password is not the one that was issued'), (5, 'keys with attributes of a role'),
               (6, 'keys with settings of their own'), (7, 'keys that load no library at login'),
               (8, 'keys that own or were granted objects'), (9, 'keys in groups that are not theirs'),
               (10, 'keys that look in a schema of their name'), (11, 'keys whose role may not log in')) AS i (place, item)
  LEFT JOIN found f USING (place)
 GROUP BY i.place, i.item
UNION ALL
SELECT 'keys', 'pooled roles that load no library at login', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'warn' END,
       COALESCE(pg_catalog.string_agg(r.rolname, ', '), 'none'),
       CASE WHEN pg_catalog.count(*) > 0 THEN 'ALTER ROLE ... SET session_preload_libraries = ''conifer'', or preload it for all' END
  FROM pg_catalog.pg_roles r
 WHERE r.rolcanlogin AND NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, 'conifer_gateway', 'USAGE')
   AND pg_catalog.current_setting('shared_preload_libraries') !~ {loads}
   AND COALESCE((SELECT c.setting FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database(),
                      pg_catalog.unnest(s.setconfig) AS c (setting)
                  WHERE s.setrole IN (0, r.oid) AND s.setdatabase IN (0, d.oid) AND c.setting LIKE 'session\_preload\_libraries=%'
                  ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1), '') !~ {loads}
UNION ALL
SELECT 'keys', 'pooled roles that look in a schema of their name', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'warn' END,
       COALESCE(pg_catalog.string_agg(r.rolname, ', '), 'none'),
       CASE WHEN pg_catalog.count(*) > 0
            THEN 'ALTER ROLE ... SET search_path to the schema of the functions: who may create schemas can put a pc_use_key of their own before Conifer''s' END
  FROM pg_catalog.pg_roles r
 WHERE r.rolcanlogin AND NOT r.rolsuper AND pg_catalog.pg_has_role(r.oid, 'conifer_gateway', 'USAGE')
   AND COALESCE((SELECT c.setting FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database(),
                      pg_catalog.unnest(s.setconfig) AS c (setting)
                  WHERE s.setrole IN (0, r.oid) AND s.setdatabase IN (0, d.oid) AND c.setting LIKE 'search\_path=%'
                  ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1), '$user') LIKE '%$user%'
