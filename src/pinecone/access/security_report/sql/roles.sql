WITH ordinary AS (
    SELECT r.* FROM pg_catalog.pg_roles r WHERE NOT r.rolsuper AND r.rolname !~ '^pg_'
), home AS (
    -- the schemas of the functions; that of a database's owner is the owner's
    SELECT DISTINCT n.oid, n.nspname, n.nspacl, CASE WHEN n.nspowner = 'pg_database_owner'::regrole THEN d.datdba ELSE n.nspowner END AS owner
      FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
     WHERE e.extname IN ('conifer', 'vector')
), belongs AS (
    -- the databases that roles belong to, as comments on them say
    SELECT r.oid AS role, {home} AS datname FROM pg_catalog.pg_roles r WHERE r.rolname ~ {of_a_database}
), found AS (
    -- by rank: what strangers can make many of is not to hide what is worse
    SELECT 1 AS place, 1 AS rank, r.rolname || ' in ' || g.rolname AS found
      FROM ordinary r JOIN pg_catalog.pg_roles g ON g.rolname IN ('pg_read_all_data', 'pg_write_all_data')
     WHERE pg_catalog.pg_has_role(r.oid, g.oid, 'MEMBER')
    UNION ALL
    SELECT 2, 1, r.rolname::text FROM ordinary r
     WHERE r.rolcreaterole AND pg_catalog.current_setting('server_version_num')::int < 160000
    UNION ALL
    SELECT 3, 1, r.rolname::text FROM ordinary r WHERE r.rolreplication
    UNION ALL
    SELECT 4, 1, r.rolname::text FROM pg_catalog.pg_roles r
     WHERE r.rolname IN ('conifer_owner', 'conifer_keys', 'conifer_people', 'conifer_gateway')
       AND (r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls)
    UNION ALL
    SELECT 5, 1, r.rolname::text
      FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member
     WHERE m.roleid = 'conifer_keys'::regrole AND r.rolname !~ {keys}
    UNION ALL
    SELECT 6, 1, r.rolname::text FROM ordinary r
     WHERE r.rolcanlogin AND r.rolname ~ {keys}
       AND NOT EXISTS (SELECT FROM pc_auth.api_key k WHERE k.key_id::name = r.rolname)
       AND NOT EXISTS (SELECT FROM belongs b WHERE b.role = r.oid AND b.datname <> pg_catalog.current_database())
    UNION ALL
    SELECT 7, 1, r.rolname::text FROM ordinary r
     WHERE r.rolcanlogin AND pg_catalog.pg_has_role(r.oid, 'conifer_gateway', 'MEMBER') AND pg_catalog.pg_has_role(r.oid, 'conifer_people', 'MEMBER')
    UNION ALL
    SELECT 8, 1, h.nspname || ' of ' || h.owner::regrole FROM home h JOIN ordinary r ON r.oid = h.owner
    UNION ALL
    SELECT 8, 1, r.rolname || ' may create in ' || h.nspname
      FROM home h, pg_catalog.aclexplode(h.nspacl) AS a JOIN ordinary r ON r.oid = a.grantee
     WHERE a.privilege_type = 'CREATE' AND a.grantee <> h.owner AND r.rolname <> 'conifer_owner'
    UNION ALL
    SELECT 9, CASE WHEN p.pronamespace IN (SELECT h.oid FROM home h) THEN 1 ELSE 2 END, p.oid::regprocedure::text FROM pg_catalog.pg_proc p
     WHERE p.proname = 'pc_use_key'
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'conifer'
                        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    UNION ALL
    SELECT 10, 1, m.member || CASE WHEN r.oid IS NULL THEN ' was dropped' ELSE ' is now ' || r.rolname END
      FROM pc_auth.member m LEFT JOIN pg_catalog.pg_roles r ON r.oid = m.role_oid
     WHERE r.rolname IS DISTINCT FROM m.member AND m.role_oid <> 0
    UNION ALL
    SELECT DISTINCT 11, CASE WHEN o.rolsuper OR o.rolbypassrls THEN 1 ELSE 2 END, v.oid::regclass::text
      FROM pg_catalog.pg_class v JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
                                 AND d.refclassid = 'pg_catalog.pg_class'::regclass
                                 AND d.refobjid <> v.oid
      JOIN pg_catalog.pg_class t ON t.oid = d.refobjid AND t.relnamespace = 'pc_data'::regnamespace
      JOIN pg_catalog.pg_roles o ON o.oid = v.relowner
     WHERE v.relkind IN ('v', 'm') AND (o.rolsuper OR o.rolbypassrls OR o.rolname = 'conifer_owner' OR v.relkind = 'm')
       AND COALESCE(v.reloptions::text, '') !~* 'security_invoker=(true|on|yes|1)'
       AND EXISTS (SELECT FROM pg_catalog.aclexplode(v.relacl) AS a WHERE a.grantee <> v.relowner)
    UNION ALL
    SELECT 12, 1, k.key_id || ' of ' || b.datname
      FROM pc_auth.api_key k JOIN pg_catalog.pg_roles r ON r.rolname = k.key_id::name JOIN belongs b ON b.role = r.oid
     WHERE b.datname <> pg_catalog.current_database()
    UNION ALL
    SELECT 13, 1, r.rolname || ' of ' || d.datname
      FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase JOIN pg_catalog.pg_roles r ON r.oid = s.setrole,
           pg_catalog.unnest(s.setconfig) AS c (setting)
     WHERE d.datname <> pg_catalog.current_database() AND c.setting LIKE 'conifer.member=%'
       AND EXISTS (SELECT FROM pc_auth.organisation WHERE default_role IS NOT NULL)
       AND pg_catalog.has_database_privilege(r.oid, (SELECT h.oid FROM pg_catalog.pg_database h WHERE h.datname = pg_catalog.current_database()), 'CONNECT')
       AND NOT EXISTS (SELECT FROM pc_auth.member m WHERE m.role_oid = r.oid)
    UNION ALL
    SELECT 14, 1, n.nspname || ' of ' || n.nspowner::regrole
      FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.rolname = n.nspname JOIN pg_catalog.pg_roles o ON o.oid = n.nspowner
     WHERE r.rolcanlogin AND NOT o.rolsuper AND o.oid <> r.oid
       AND (pg_catalog.pg_has_role(r.oid, 'conifer_gateway', 'MEMBER') OR pg_catalog.pg_has_role(r.oid, 'conifer_people', 'MEMBER')
            OR pg_catalog.pg_has_role(r.oid, 'conifer_keys', 'MEMBER'))
    UNION ALL
    SELECT 15, 1, CASE WHEN r.oid = d.datdba THEN r.rolname || ', its owner' ELSE r.rolname END
      FROM pg_catalog.pg_database d JOIN ordinary r ON r.oid = d.datdba
        OR r.oid IN (SELECT a.grantee FROM pg_catalog.aclexplode(d.datacl) AS a WHERE a.privilege_type = 'CREATE')
     WHERE d.datname = pg_catalog.current_database() AND r.rolname <> 'conifer_owner'
    UNION ALL
    SELECT 15, 1, 'PUBLIC'
      FROM pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) AS a
     WHERE d.datname = pg_catalog.current_database() AND a.grantee = 0 AND a.privilege_type = 'CREATE'
    UNION ALL
    SELECT DISTINCT 16, 1, r.rolname || ' in ' || g.rolname
      FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
     WHERE r.rolname ~ {ours}
       AND g.rolname !~ {ours}
    UNION ALL
    SELECT 17, 1, m.member || ': ' || m.role FROM pc_auth.member m WHERE m.role_oid = 0
    UNION ALL
    SELECT 18, 1, a.rolname::text FROM pg_catalog.pg_authid a
     WHERE a.rolname ~ {of_a_database} AND NOT {marked}
       AND NOT EXISTS (SELECT FROM pc_auth.api_key k WHERE k.key_id::name = a.rolname AND k.verifier = a.rolpassword)
    UNION ALL
    SELECT DISTINCT 19, 1, r.rolname || ' of ' || g.rolname
      FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
     WHERE NOT r.rolsuper AND (g.rolname ~ {keys} OR m.admin_option AND g.rolname ~ {ours})
    UNION ALL
    SELECT 20, 1, e.extname || ' of ' || r.rolname FROM pg_catalog.pg_extension e JOIN ordinary r ON r.oid = e.extowner
     WHERE e.extname IN ('conifer', 'vector')
    UNION ALL
    SELECT 21, CASE WHEN p.pronamespace IN (SELECT h.oid FROM home h) THEN 1 ELSE 2 END, p.oid::regprocedure::text FROM pg_catalog.pg_proc p
     WHERE p.proname <> 'pc_use_key' AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles o WHERE o.oid = p.proowner AND o.rolsuper)
       AND EXISTS (SELECT FROM pg_catalog.pg_proc c JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                     JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid AND e.extname = 'conifer'
                    WHERE c.proname = p.proname AND c.oid <> p.oid AND c.proname LIKE 'pc\_%')
)
SELECT 'roles'::text, i.item::text, CASE WHEN pg_catalog.count(f.found) = 0 THEN 'ok' ELSE i.state END::text,
       COALESCE(pg_catalog.array_to_string((pg_catalog.array_agg(f.found ORDER BY f.rank, f.found) FILTER (WHERE f.found IS NOT NULL))[:30], ', ')
                || CASE WHEN pg_catalog.count(f.found) > 30 THEN ', and ' || pg_catalog.count(f.found) - 30 || ' more' ELSE '' END, 'none')::text,
       CASE WHEN pg_catalog.count(f.found) > 0 THEN i.advice END::text
  FROM (VALUES
        (1, 'members of pg_read_all_data and pg_write_all_data', 'fail', 'REVOKE them: they read what is kept of keys, and give themselves any role'),
        (2, 'roles with CREATEROLE', 'fail', 'before PostgreSQL 16 they can GRANT themselves conifer_owner, and so all records: take it from them'),
        (3, 'roles with REPLICATION', 'warn', 'they copy everything, whatever the policies: keep them for backups and standbys, and give pg_hba.conf lines to match'),
        (4, 'attributes of Conifer''s roles', 'fail', 'ALTER ROLE ... NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS'),
        (5, 'members of conifer_keys that are no keys', 'fail', 'REVOKE conifer_keys from them: pg_hba.conf lets them in as keys'),
        (6, 'logins of keys that no database knows', 'warn', 'no database has them any more: DROP ROLE them'),
        (7, 'pooled roles that are people, too', 'warn', 'without a key they are nobody: REVOKE conifer_gateway, or their roles'),
        (8, 'the schema of the functions is others''', 'fail', 'who can rename it or create in it can put a pc_use_key of their own there, which gets the keys of pools: give it to a superuser'),
        (9, 'other functions named pc_use_key', 'fail', 'DROP them: they may be called in the place of Conifer''s, and get the keys of pools'),
        (10, 'members under another name', 'warn', 'their roles were renamed or dropped: pc_sync_roles() writes the names of now, pc_revoke_role takes what is left'),
        (11, 'views that show records to others than the policies do', 'warn', 'policies hold for a view''s owner: ALTER VIEW ... SET (security_invoker = true)'),
        (12, 'keys of the database that this one is a copy of', 'warn', 'they are not valid here: pc_make_independent() takes them out, pc_sync_roles(claim => true) takes them over'),
        (13, 'people of other databases who have the default role', 'warn', 'all members of conifer_people have it: REVOKE CONNECT ON DATABASE from them, or pc_set_default_role(NULL)'),
        (14, 'schemas with the name of a role that is not their owner', 'fail', 'DROP or rename them: "$user" in search_path puts what is in them before Conifer''s functions'),
        (15, 'roles that may create schemas in this database', 'warn', 'each can make a schema with the name of another role, which "$user" in that role''s search_path finds first'),
        (16, 'Conifer''s roles in groups of others', 'fail', 'whoever may give the group has put them there: pc_sync_roles() takes them out'),
        (17, 'rows of people who have no role', 'fail', 'as a restore to another cluster leaves them: whichever role gets the name will be given this by pc_sync_roles(); take it with pc_revoke_role'),
        (18, 'roles with names of keys and groups that others have made', 'fail', 'pc_sync_roles() gives them another name, where a key or group of this database has it; DROP the others'),
        (19, 'others who may act as a key, or put roles into Conifer''s groups', 'fail', 'pc_sync_roles() takes that from them'),
        (20, 'extensions of roles without the rights of a superuser', 'warn', 'who owns vector can update it: have a superuser create it, or REASSIGN OWNED BY the role'),
        (21, 'functions of others with names of Conifer''s', 'warn', 'DROP them: called in the place of Conifer''s, they run with the rights of whoever calls them')
       ) AS i (place, item, state, advice)
  LEFT JOIN found f USING (place)
 GROUP BY i.place, i.item, i.state, i.advice
