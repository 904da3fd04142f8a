SELECT 'logs'::text, s.name::text,
       CASE WHEN s.name = 'log_statement' AND s.setting = 'all' THEN 'warn'
            WHEN s.name IN ('log_min_duration_statement', 'log_min_duration_sample') AND s.setting::int >= 0 THEN 'warn'
            WHEN s.name = 'log_parameter_max_length' AND s.setting <> '0'
                 AND (pg_catalog.current_setting('log_statement') <> 'none'
                      OR pg_catalog.current_setting('log_min_duration_statement') <> '-1') THEN 'warn'
            WHEN s.name = 'log_parameter_max_length_on_error' AND s.setting <> '0' THEN 'warn'
            WHEN s.name = 'pg_stat_statements.track_utility' AND s.setting = 'on'
                 AND pg_catalog.current_setting('shared_preload_libraries')
                     !~ CASE WHEN pg_catalog.current_setting('pg_stat_statements.track', true) = 'all'
                             THEN 'pg_stat_statements.*[ ,/"]conifer' ELSE '(^|[ ,/"])conifer' END THEN 'warn'
            ELSE 'ok' END::text,
       s.setting::text,
       CASE WHEN s.name = 'log_statement' AND s.setting = 'all'
            THEN 'statements are logged before a session that does not preload the library can strike secrets out of them'
            WHEN s.name IN ('log_min_duration_statement', 'log_min_duration_sample') AND s.setting::int >= 0
            THEN 'slow statements are logged whole: pass keys as parameters'
            WHEN s.name = 'log_parameter_max_length_on_error' AND s.setting <> '0'
                 OR s.name = 'log_parameter_max_length' AND s.setting <> '0'
                    AND (pg_catalog.current_setting('log_statement') <> 'none'
                         OR pg_catalog.current_setting('log_min_duration_statement') <> '-1') THEN 'parameters may be logged: set it to 0'
            WHEN s.name = 'pg_stat_statements.track_utility' AND s.setting = 'on'
            THEN 'commands are kept as they came unless conifer is in shared_preload_libraries, after pg_stat_statements: pass keys as parameters' END::text
  FROM pg_catalog.pg_settings s
 WHERE s.name IN ('log_statement', 'log_min_duration_statement', 'log_min_duration_sample', 'log_parameter_max_length',
                  'log_parameter_max_length_on_error', 'pg_stat_statements.track_utility')
UNION ALL
SELECT 'hooks', 'shared_preload_libraries',
       CASE WHEN pg_catalog.current_setting('shared_preload_libraries') ~ '(^|[ ,/])conifer' THEN 'ok' ELSE 'warn' END,
       pg_catalog.current_setting('shared_preload_libraries'),
       CASE WHEN pg_catalog.current_setting('shared_preload_libraries') !~ '(^|[ ,/])conifer'
            THEN 'add conifer: the roles of keys load it at login, pooled sessions only when their role says so' END
UNION ALL
SELECT 'at rest', 'data_checksums', CASE WHEN pg_catalog.current_setting('data_checksums') = 'on' THEN 'ok' ELSE 'warn' END,
       pg_catalog.current_setting('data_checksums'),
       CASE WHEN pg_catalog.current_setting('data_checksums') <> 'on' THEN 'pg_checksums --enable while the server is stopped' END
