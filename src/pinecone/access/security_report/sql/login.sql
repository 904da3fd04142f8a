WITH RECURSIVE superuser_in (superuser, role_name, oid) AS (
    -- pg_has_role says that superusers are in every group, pg_hba.conf does not
    SELECT r.rolname, r.rolname, r.oid FROM pg_catalog.pg_roles r WHERE r.rolsuper AND r.rolcanlogin
    UNION
    SELECT i.superuser, g.rolname, g.oid
      FROM superuser_in i JOIN pg_catalog.pg_auth_members m ON m.member = i.oid JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
), ways AS (
    -- lines of pg_hba.conf by superuser, database, channel and addresses: those it may speak of, and those it surely does
    SELECT h.ordinality AS place, l.line, h.auth_method, h.address, h.netmask, s.superuser, d.db, c.channel, a.may, a.surely
      FROM pg_catalog.pg_hba_file_rules() WITH ORDINALITY AS h
      JOIN (VALUES ('host', 'tls'), ('host', 'gss'), ('host', 'plain'), ('hostssl', 'tls'), ('hostnossl', 'gss'), ('hostnossl', 'plain'),
                   ('hostgssenc', 'gss'), ('hostnogssenc', 'tls'), ('hostnogssenc', 'plain')) AS c (type, channel) ON c.type = h.type
     CROSS JOIN LATERAL (SELECT pg_catalog.substring(NULLIF(pg_catalog.to_jsonb(h) ->> 'file_name', pg_catalog.current_setting('hba_file')), '[^/]*$')
                         ) AS f (included) -- from 16 on
     CROSS JOIN LATERAL (SELECT pg_catalog.concat_ws(':', f.included, h.line_number)) AS l (line)
     CROSS JOIN pg_catalog.unnest(h.database) AS d (db)
     CROSS JOIN LATERAL (SELECT CASE WHEN h.netmask IS NOT NULL AND h.address !~ '%'
                                     THEN pg_catalog.set_masklen(h.address::inet,
                                          pg_catalog.bit_count(pg_catalog.substr(pg_catalog.inet_send(h.netmask::inet), 5))::int) END) AS m (net)
     CROSS JOIN LATERAL (SELECT pg_catalog.network(m.net)::inet, pg_catalog.network(m.net)::inet WHERE pg_catalog.netmask(m.net) = h.netmask::inet
                         UNION ALL
                         SELECT f.net, CASE WHEN h.address = 'all' THEN f.net END FROM (VALUES ('0.0.0.0/0'::inet), ('::/0')) AS f (net)
                          WHERE (pg_catalog.netmask(m.net) = h.netmask::inet) IS NOT TRUE) AS a (may, surely)
     CROSS JOIN LATERAL (SELECT DISTINCT i.superuser FROM superuser_in i, pg_catalog.unnest(h.user_name) AS u (word)
                          WHERE u.word IN ('all', i.superuser::text, '+' || i.role_name)
                             OR CASE WHEN u.word LIKE '/%' AND pg_catalog.current_setting('server_version_num')::int >= 160000
                                     THEN i.superuser::text ~ pg_catalog.substr(u.word, 2) END) AS s
     WHERE h.error IS NULL
)
SELECT 'login'::text, 'password_encryption'::text,
       CASE WHEN pg_catalog.current_setting('password_encryption') = 'scram-sha-256' THEN 'ok' ELSE 'fail' END::text,
       pg_catalog.current_setting('password_encryption')::text,
       CASE WHEN pg_catalog.current_setting('password_encryption') <> 'scram-sha-256' THEN 'set it to scram-sha-256' END::text
UNION ALL
SELECT 'login', COALESCE(pg_catalog.substring(pg_catalog.to_jsonb(h) ->> 'file_name', '[^/]*$'), 'pg_hba.conf') || ' line ' || h.line_number, CASE WHEN h.auth_method = 'trust' AND h.type <> 'local' THEN 'fail' ELSE 'warn' END,
       pg_catalog.concat_ws(' ', h.type, pg_catalog.array_to_string(h.database, ','), pg_catalog.array_to_string(h.user_name, ','),
                            h.address, h.auth_method),
       'method ' || h.auth_method || ' proves too little: use scram-sha-256, cert, ldap, gss or peer'
  FROM pg_catalog.pg_hba_file_rules h WHERE h.error IS NULL AND h.auth_method IN ('trust', 'password', 'md5', 'ident')
UNION ALL
SELECT 'login', 'superusers over the network', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'warn' END,
       COALESCE('pg_hba.conf lines ' || pg_catalog.string_agg(w.line, ', ' ORDER BY w.place), 'none'),
       CASE WHEN pg_catalog.count(*) > 0 THEN 'name other roles than all and superusers in host lines, or reject superusers before' END
  FROM (SELECT DISTINCT w.place, w.line FROM ways w
         WHERE w.auth_method <> 'reject'
           AND NOT EXISTS (SELECT FROM ways b
                            WHERE b.auth_method = 'reject' AND b.place < w.place AND b.superuser = w.superuser AND b.channel = w.channel
                              AND (b.db = w.db OR b.db = 'all' AND w.db <> 'replication')
                              AND (b.surely >>= w.may OR b.netmask IS NULL AND b.address = w.address))) AS w
UNION ALL
SELECT 'login', 'rules that are not loaded', CASE WHEN x.why IS NULL THEN 'ok' ELSE 'warn' END, COALESCE(x.why, 'none'),
       CASE WHEN x.why IS NOT NULL THEN 'this report reads the file, the server goes by what it read before: mend it, and SELECT pg_reload_conf()' END
  FROM (SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_hba_file_rules h WHERE h.error IS NOT NULL AND h.type IS NULL)
                    THEN 'the file has errors'
                    WHEN (pg_catalog.pg_stat_file(pg_catalog.current_setting('hba_file'), true)).modification > pg_catalog.pg_conf_load_time()
                    THEN 'the file was changed' END) AS x (why)
UNION ALL
SELECT 'login', 'keys in other databases', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'warn' END,
       COALESCE('pg_hba.conf lines ' || pg_catalog.string_agg(h.line_number::text, ', ' ORDER BY h.line_number), 'none'),
       CASE WHEN pg_catalog.count(*) > 0 THEN 'name this database in lines that admit +conifer_keys: roles belong to the whole cluster' END
  FROM pg_catalog.pg_hba_file_rules h
 WHERE h.error IS NULL AND h.auth_method <> 'reject' AND 'all' = ANY (h.database)
   AND h.user_name && ARRAY['all', '+conifer_keys']
UNION ALL
SELECT 'login', 'password of ' || a.rolname, 'fail', 'not SCRAM', 'set the password anew with password_encryption = scram-sha-256'
  FROM pg_catalog.pg_authid a WHERE a.rolcanlogin AND a.rolpassword IS NOT NULL AND a.rolpassword NOT LIKE 'SCRAM-SHA-256$%'
