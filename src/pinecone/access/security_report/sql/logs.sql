WITH given (name, setting, holder) AS (
    -- not what this session has set for itself
    SELECT s.name, s.reset_val, NULL FROM pg_catalog.pg_settings s WHERE s.name <> 'auto_explain.log_min_duration'
    UNION ALL
    -- which is not in that view before its library is loaded
    SELECT 'auto_explain.log_min_duration', pg_catalog.current_setting('auto_explain.log_min_duration', true), NULL
     WHERE pg_catalog.current_setting('auto_explain.log_min_duration', true) <> ''
    UNION ALL
    SELECT pg_catalog.split_part(c.setting, '=', 1), pg_catalog.substr(c.setting, pg_catalog.strpos(c.setting, '=') + 1),
           pg_catalog.concat_ws(' in ', CASE WHEN s.setrole <> 0 THEN s.setrole::regrole END, 'database ' || d.datname)
      FROM pg_catalog.pg_db_role_setting s CROSS JOIN pg_catalog.unnest(s.setconfig) AS c (setting)
      LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
     WHERE s.setdatabase = 0 OR d.datname = pg_catalog.current_database()
), logging AS (
    SELECT EXISTS (SELECT FROM given g
                    WHERE g.name = 'log_statement' AND pg_catalog.lower(g.setting) <> 'none'
                       OR g.name IN ('log_min_duration_statement', 'log_min_duration_sample') AND g.setting NOT LIKE '-%'
                       OR g.name = 'log_transaction_sample_rate' AND g.setting ~ '[1-9]') AS statements
), judged AS (
    SELECT g.*, CASE
        WHEN g.name = 'log_statement' AND pg_catalog.lower(g.setting) <> 'none'
            THEN 'statements are logged before a session that does not preload the library can strike secrets out of them'
        WHEN g.name IN ('log_min_duration_statement', 'log_min_duration_sample') AND g.setting NOT LIKE '-%'
            THEN 'slow statements are logged whole: pass keys as parameters'
        WHEN g.name = 'log_transaction_sample_rate' AND g.setting ~ '[1-9]'
            THEN 'statements of some transactions are logged whole: pass keys as parameters'
        WHEN g.name = 'auto_explain.log_min_duration' AND g.setting NOT LIKE '-%'
            THEN 'statements are logged whole with their plans: pass keys as parameters, and set auto_explain.log_parameter_max_length to 0'
        WHEN g.name = 'log_parameter_max_length' AND g.setting !~ '^0+[a-zA-Z]*$' AND l.statements
             OR g.name = 'log_parameter_max_length_on_error' AND g.setting !~ '^0+[a-zA-Z]*$'
            THEN 'parameters may be logged: set it to 0'
        WHEN g.name = 'log_min_messages' AND pg_catalog.lower(g.setting) IN ('log', 'fatal', 'panic')
            THEN 'secrets are struck out of errors only as these are logged, and clients get them as they are: set it to warning or error'
        WHEN g.name LIKE 'debug_print_%' AND pg_catalog.lower(g.setting) IN ('on', 'true', 'yes', '1', 't', 'tr', 'tru', 'y', 'ye')
            THEN 'trees of statements are logged with their constants as bytes, which nothing strikes out: set it to off'
        WHEN g.name = 'pg_stat_statements.track_utility' AND g.setting = 'on'
             AND pg_catalog.current_setting('shared_preload_libraries')
                 !~ CASE WHEN pg_catalog.current_setting('pg_stat_statements.track', true) = 'all'
                         THEN 'pg_stat_statements.*[ ,/"]conifer' ELSE '(^|[ ,/"])conifer' END
            THEN 'commands are kept as they came unless conifer is in shared_preload_libraries, after pg_stat_statements: pass keys as parameters'
        END AS advice
      FROM given g, logging l
     WHERE g.name IN ('log_statement', 'log_min_duration_statement', 'log_min_duration_sample', 'log_transaction_sample_rate',
                      'log_parameter_max_length', 'log_parameter_max_length_on_error', 'log_min_messages', 'debug_print_parse',
                      'debug_print_rewritten', 'debug_print_plan', 'auto_explain.log_min_duration', 'pg_stat_statements.track_utility')
)
SELECT 'logs'::text, (j.name || COALESCE(' of ' || j.holder, ''))::text, CASE WHEN j.advice IS NULL THEN 'ok' ELSE 'warn' END::text,
       j.setting::text, j.advice::text
  FROM judged j WHERE j.holder IS NULL OR j.advice IS NOT NULL
UNION ALL
SELECT 'hooks', 'shared_preload_libraries',
       CASE WHEN x.is_loaded THEN 'ok' ELSE 'warn' END, pg_catalog.concat_ws(', ', NULLIF(x.shared, ''), x.of_database),
       CASE WHEN NOT x.is_loaded
            THEN 'add conifer, or ALTER DATABASE ... SET session_preload_libraries = ''conifer'': the roles of keys load it at login, pooled sessions only when their role says so, people at its first use' END
  FROM (SELECT p.shared, d.of_database, p.shared ~ {loads} OR COALESCE(d.of_database ~ {loads}, false) AS is_loaded
          FROM (SELECT pg_catalog.current_setting('shared_preload_libraries') AS shared) AS p
          LEFT JOIN (SELECT c.setting AS of_database
                       FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database h ON h.oid = s.setdatabase, pg_catalog.unnest(s.setconfig) AS c (setting)
                      WHERE h.datname = pg_catalog.current_database() AND s.setrole = 0
                        AND c.setting LIKE 'session\_preload\_libraries=%') AS d ON true) AS x
UNION ALL
SELECT 'at rest', 'data_checksums', CASE WHEN pg_catalog.current_setting('data_checksums') = 'on' THEN 'ok' ELSE 'warn' END,
       pg_catalog.current_setting('data_checksums'),
       CASE WHEN pg_catalog.current_setting('data_checksums') <> 'on' THEN 'pg_checksums --enable while the server is stopped' END
