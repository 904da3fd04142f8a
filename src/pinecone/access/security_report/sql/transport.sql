WITH elements AS (
    SELECT e.place, pg_catalog.substring(e.word, '^[-+!]') AS sign, w.name, p.parts
      FROM pg_catalog.regexp_split_to_table(pg_catalog.current_setting('ssl_ciphers'), '[:;, ]+') WITH ORDINALITY AS e (word, place)
     CROSS JOIN LATERAL (SELECT pg_catalog.ltrim(e.word, '-+!')) AS w (name)
     CROSS JOIN LATERAL (SELECT pg_catalog.regexp_split_to_array(
         pg_catalog.regexp_replace(pg_catalog.upper(w.name), 'DES-CBC3|3DES_EDE', '3DES'), '[-+_]')) AS p (parts)
), suites AS (
    -- what is in a class has its name as a part of its own name, but for these
    SELECT e.place, e.sign, e.name,
           e.parts || CASE WHEN 'NULL' = ANY (e.parts) THEN '{ENULL}' WHEN e.parts && '{ADH,AECDH,ANON}' THEN '{ANULL}' ELSE '{}'::text[] END AS classes
      FROM elements e
), weak AS (
    SELECT pg_catalog.string_agg(s.name, ', ' ORDER BY s.place) AS names FROM suites s
     WHERE s.name LIKE '%@SECLEVEL=0%' OR s.sign IS NULL
       AND s.classes && '{ALL,COMPLEMENTOFALL,COMPLEMENTOFDEFAULT,ENULL,ANULL,EXP,EXPORT,EXPORT40,EXPORT56,LOW,RC2,RC4,DES,3DES,IDEA,SEED,MD5}'
       AND NOT EXISTS (SELECT FROM suites x
                        WHERE (x.sign = '!' OR x.sign = '-' AND x.place > s.place)
                          AND (x.name = s.name
                               OR x.name ~* '^(e?NULL|aNULL|ADH|AECDH|EXP|EXPORT|EXPORT40|EXPORT56|LOW|RC2|RC4|DES|3DES|IDEA|SEED|MD5)$'
                                  AND x.classes <@ (s.classes || '{NULL}'::text[])
                               OR x.name = 'ALL' AND NOT 'ENULL' = ANY (s.classes)))
)
SELECT 'transport'::text, x.item::text, CASE WHEN x.ok THEN 'ok' ELSE x.otherwise END::text, x.found::text,
       CASE WHEN NOT x.ok THEN x.advice END::text
  FROM weak w CROSS JOIN LATERAL (VALUES
        ('ssl', pg_catalog.current_setting('ssl') = 'on', 'fail', pg_catalog.current_setting('ssl'),
         'set ssl = on with a certificate'),
        ('ssl_min_protocol_version', pg_catalog.current_setting('ssl_min_protocol_version') IN ('TLSv1.2', 'TLSv1.3'), 'fail',
         pg_catalog.current_setting('ssl_min_protocol_version'), 'set it to TLSv1.2 or TLSv1.3'),
        ('ssl_ciphers', w.names IS NULL, 'warn', pg_catalog.current_setting('ssl_ciphers'),
         'it admits ' || w.names || ': name strong suites only, as the default HIGH:MEDIUM:+3DES:!aNULL does or better')
       ) AS x (item, ok, otherwise, found, advice)
UNION ALL
SELECT 'transport', 'this session',
       CASE WHEN a.client_addr IS NULL OR s.ssl THEN 'ok' ELSE 'fail' END,
       CASE WHEN s.ssl THEN s.version || ' ' || s.cipher WHEN a.client_addr IS NULL THEN 'local socket' ELSE 'no TLS' END,
       CASE WHEN a.client_addr IS NOT NULL AND s.ssl IS NOT TRUE THEN 'connect with sslmode=verify-full' END
  FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_stat_ssl s USING (pid) WHERE a.pid = pg_catalog.pg_backend_pid()
UNION ALL
SELECT 'transport', 'remote sessions without TLS', CASE WHEN pg_catalog.count(*) = 0 THEN 'ok' ELSE 'fail' END, pg_catalog.count(*)::text,
       CASE WHEN pg_catalog.count(*) > 0 THEN 'pg_hba.conf admits plain text: use hostssl lines' END
  FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_stat_ssl s USING (pid)
 WHERE a.client_addr IS NOT NULL AND NOT s.ssl AND a.backend_type IN ('client backend', 'walsender')
UNION ALL
SELECT 'transport', COALESCE(pg_catalog.substring(pg_catalog.to_jsonb(h) ->> 'file_name', '[^/]*$'), 'pg_hba.conf') || ' line ' || h.line_number,
       CASE WHEN h.error IS NOT NULL OR h.type IN ('host', 'hostnossl', 'hostnogssenc') THEN 'fail' ELSE 'warn' END,
       pg_catalog.concat_ws(' ', h.type, pg_catalog.array_to_string(h.database, ','), pg_catalog.array_to_string(h.user_name, ','),
                            h.address, h.auth_method),
       CASE WHEN h.error IS NOT NULL THEN 'the line is not in effect: ' || h.error
            ELSE 'it admits sessions without TLS: use hostssl' END
  FROM pg_catalog.pg_hba_file_rules h
 WHERE h.error IS NOT NULL OR h.type IN ('host', 'hostnossl', 'hostnogssenc') AND h.auth_method <> 'reject'
