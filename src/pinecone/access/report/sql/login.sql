SELECT 'login'::text, 'password_encryption'::text,
       CASE WHEN pg_catalog.current_setting('password_encryption') = 'scram-sha-256' THEN 'ok' ELSE 'fail' END::text,
       pg_catalog.current_setting('password_encryption')::text,
       CASE WHEN pg_catalog.current_setting('password_encryption') <> 'scram-sha-256' THEN 'set it to scram-sha-256' END::text
UNION ALL
SELECT 'login', 'pg_hba.conf line ' || h.line_number, CASE WHEN h.auth_method = 'trust' AND h.type <> 'local' THEN 'fail' ELSE 'warn' END,
       pg_catalog.concat_ws(' ', h.type, pg_catalog.array_to_string(h.database, ','), pg_catalog.array_to_string(h.user_name, ','),
                            h.address, h.auth_method),
       'method ' || h.auth_method || ' proves too little: use scram-sha-256, cert, ldap, gss or peer'
  FROM pg_catalog.pg_hba_file_rules h WHERE h.error IS NULL AND h.auth_method IN ('trust', 'password', 'md5', 'ident')
UNION ALL
SELECT 'login', 'superusers over the network', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'warn' END,
       COALESCE('pg_hba.conf lines ' || pg_catalog.string_agg(h.line_number::text, ', ' ORDER BY h.line_number), 'none'),
       CASE WHEN pg_catalog.count(*) > 0 THEN 'name other roles than all and superusers in host lines, or reject superusers before' END
  FROM pg_catalog.pg_hba_file_rules h
 WHERE h.error IS NULL AND h.type LIKE 'host%' AND h.auth_method <> 'reject' AND NOT 'replication' = ANY (h.database)
   AND ('all' = ANY (h.user_name)
        OR EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolsuper AND r.rolcanlogin AND r.rolname::text = ANY (h.user_name)))
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_hba_file_rules b
                    WHERE b.line_number < h.line_number AND b.auth_method = 'reject' AND b.type LIKE 'host%'
                      AND 'all' = ANY (b.database) AND b.address IN ('all', '0.0.0.0')
                      AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r
                                       WHERE r.rolsuper AND r.rolcanlogin AND NOT r.rolname::text = ANY (b.user_name)))
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
