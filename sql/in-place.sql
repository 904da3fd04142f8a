-- A database of pgvector becomes Conifer's, or goes back: what ALTER EXTENSION vector UPDATE runs.
--
-- dev/alias-scripts makes the scripts from this text, in which it puts the way and the statements of engine.sql. They are gone
-- through one by one. What is there is replaced under its OID, so that all that depends on it stays; what is missing is
-- made; then each index is made anew. A script is one transaction: if it fails, all is as it was.
--
-- Nobody else uses the indexes meanwhile, and nobody keeps what the other library does with them: their tables are locked first.
-- Names and operators here are those of pg_catalog alone. The engine's statements are run where the extension is, as those
-- that create it; whatever else than the extension's own has a name that they need, ends the script.
--
-- It is a function, which is called once by itself, as servers from 18 on show the whole of a statement of a script that fails.
-- It and what it calls are in pg_catalog: whoever owns the extension's schema may give its name to another one at any moment,
-- with a function of his own that a superuser would run.
-- Its patterns and what it compares with names of the catalogs mean one thing, whatever the database has set.
CREATE FUNCTION pg_catalog.move_engine() RETURNS void LANGUAGE plpgsql
SET standard_conforming_strings = on SET quote_all_identifiers = off AS $in_place$
DECLARE
    there CONSTANT boolean := @there@;
    safe CONSTANT text := 'pg_catalog, pg_temp';
    extension oid;          -- vector, in this database
    home name;              -- its schema
    made_in CONSTANT text := pg_catalog.current_setting('search_path'); -- of its statements
    library text;           -- what serves hnsw so far
    statements text[];
    statement text;
    part text[];
    known record;
    families text[] := '{}';
    family text;
    locked oid[] := '{}';
    done oid[] := '{}';
    thing record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', safe, true);
    -- Their library defines its settings or does not load; ours takes what is there. So it comes first, even where nothing needs it
    -- but a session that goes on after a failure. Plans of conditions can load ours, hence none before this.
    IF there THEN
        SELECT p.probin INTO library FROM pg_am a JOIN pg_proc p ON p.oid = a.amhandler WHERE a.amname = 'hnsw';
        IF library <> 'MODULE_PATHNAME' THEN
            BEGIN
                EXECUTE format('LOAD %L', library);
            EXCEPTION WHEN OTHERS THEN
                NULL; -- it has been removed, or Conifer has been loaded before it
            END;
        END IF;
    ELSE
        BEGIN
            LOAD '$libdir/vector';
        EXCEPTION WHEN undefined_file THEN
            RAISE EXCEPTION USING
                ERRCODE = 'undefined_file',
                MESSAGE = 'pgvector''s library is not installed',
                DETAIL = SQLERRM,
                HINT = 'Install pgvector on this server first.';
        WHEN OTHERS THEN
            -- With conifer, Conifer's library comes first in any session: that is what has to be said.
            IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'conifer'::name) THEN
                RAISE EXCEPTION USING
                    ERRCODE = 'object_not_in_prerequisite_state',
                    MESSAGE = 'pgvector''s library cannot be loaded in this session',
                    DETAIL = SQLERRM,
                    HINT = 'It has to come before Conifer''s. Run ALTER EXTENSION as the first statement of a new session; '
                           'if shared_preload_libraries has conifer, put vector before it and restart the server.';
            END IF;
        END;
        library := 'MODULE_PATHNAME';
    END IF;

    -- The schema keeps its name until the end: the server has put that, not the schema, in the path of the engine's statements.
    SELECT e.oid, n.nspname INTO extension, home
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'vector' FOR UPDATE OF n;
    IF (parse_ident(made_in, false))[1] IS DISTINCT FROM home::text THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = format('the schema of extension "vector" has been renamed to "%s" meanwhile', home),
            HINT = 'Run ALTER EXTENSION again.';
    END IF;
    FOR thing IN
        SELECT w.name, e.extname, p.probin
          FROM unnest(ARRAY['hnsw', 'ivfflat']) w (name)
          LEFT JOIN pg_am a ON a.amname = w.name::name
          LEFT JOIN pg_proc p ON p.oid = a.amhandler
          LEFT JOIN pg_depend d ON d.classid = 'pg_am'::regclass AND d.objid = a.oid AND d.deptype = 'e'
               AND d.refclassid = 'pg_extension'::regclass
          LEFT JOIN pg_extension e ON e.oid = d.refobjid
    LOOP
        IF thing.extname IS DISTINCT FROM 'vector'::name OR thing.probin IS DISTINCT FROM library THEN
            RAISE EXCEPTION USING
                ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('access method "%s" is not of extension "vector" and served by %s', thing.name,
                                 coalesce(library, 'pgvector')),
                DETAIL = format('It belongs to %s and is served by %s.', coalesce('extension "' || thing.extname || '"', 'no extension'),
                                coalesce(thing.probin, 'nothing')),
                HINT = CASE WHEN thing.extname = 'conifer'::name
                            THEN 'Drop extension "vector", which has nothing of its own here, and create it again if it is needed.'
                            ELSE 'Of a database whose types and access methods are of extension "vector", a dump can be restored.' END;
        END IF;
    END LOOP;
    -- What is pgvector's own is a superuser's, also where somebody else has made the extension, as it is trusted. He can add to it what
    -- has a name of ours, which would be taken for it, and be his to replace.
    SELECT pg_describe_object(d.classid, d.objid, 0) AS name, r.rolname INTO thing
      FROM pg_depend d
      JOIN pg_shdepend s ON s.classid = d.classid AND s.objid = d.objid AND s.deptype = 'o' AND s.refclassid = 'pg_authid'::regclass
           AND s.dbid = (SELECT b.oid FROM pg_database b WHERE b.datname = current_database())
      JOIN pg_roles r ON r.oid = s.refobjid
     WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = extension AND d.deptype = 'e' AND NOT r.rolsuper
     ORDER BY d.classid, d.objid LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('%s of extension "vector" belongs to "%s", who is no superuser', thing.name, thing.rolname),
            HINT = 'If pgvector has not made it, take it out with ALTER EXTENSION vector DROP, and drop it; else give it to a superuser.';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'indexes that others have just made cannot be seen in this transaction',
            HINT = 'Run ALTER EXTENSION in a transaction of the isolation level READ COMMITTED.';
    END IF;
    IF NOT there AND EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'conifer'::name) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = 'extension "conifer" uses the engine of extension "vector", and cannot use pgvector''s',
            HINT = 'Use DROP EXTENSION conifer first, which drops its indexes with their tables.';
    END IF;
    SELECT x.relname, n.nspname INTO thing
      FROM pg_class x JOIN pg_am a ON a.oid = x.relam JOIN pg_namespace n ON n.oid = x.relnamespace
     WHERE a.amname IN ('hnsw', 'ivfflat') AND pg_is_other_temp_schema(n.oid) ORDER BY x.oid LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = format('index "%s" is on a temporary table of another session', thing.relname),
            HINT = format('Have that session drop the index (its schema is %I), or end.', thing.nspname);
    END IF;

    CREATE FUNCTION pg_catalog.hnsw_anew(regclass, boolean) RETURNS void
        AS 'MODULE_PATHNAME', 'hnsw_anew_wrapper' LANGUAGE C STRICT;

    -- Locks, those of partitioned tables first, as queries take them. What has been made meanwhile is locked as well.
    LOOP
        SELECT c.oid, c.relkind, n.nspname, c.relname INTO thing
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') AND c.oid <> ALL (locked) AND NOT pg_is_other_temp_schema(n.oid)
           AND EXISTS (SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am a ON a.oid = x.relam
                        WHERE i.indrelid = c.oid AND i.indislive AND a.amname IN ('hnsw', 'ivfflat'))
         ORDER BY c.relkind = 'p' DESC, c.relispartition, c.oid LIMIT 1;
        EXIT WHEN NOT FOUND;
        IF thing.relkind = 'p' THEN
            EXECUTE format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', thing.nspname, thing.relname);
        ELSE
            EXECUTE format('LOCK TABLE ONLY %I.%I IN ACCESS EXCLUSIVE MODE', thing.nspname, thing.relname);
        END IF;
        locked := locked || thing.oid;
    END LOOP;

    statements := regexp_split_to_array(regexp_replace($engine$
@engine@
$engine$, '^--.*$', '', 'gn'), ';[ ]*\n');

    -- Back: first what is beyond pgvector, with all that hinders it.
    IF NOT there THEN
        FOREACH statement IN ARRAY statements LOOP
            statement := btrim(statement, E' \n');
            part := regexp_match(statement, '^CREATE OPERATOR CLASS (\w+)\s.*FOR TYPE.*USING hnsw');
            IF part IS NOT NULL AND statement !~ 'FOR ORDER BY' THEN
                EXECUTE format('DROP OPERATOR CLASS %I.%I USING hnsw', home, part[1]);
                IF statement !~ 'FAMILY' THEN
                    families := families || part[1];
                END IF;
            END IF;
            part := regexp_match(statement, '^CREATE OPERATOR FAMILY (\w+) USING hnsw');
            IF part IS NOT NULL THEN
                families := families || part[1];
            END IF;
            part := regexp_match(statement, '^CREATE OPERATOR (?:CLASS|FAMILY) (\w+)\s.*USING inverted');
            IF part IS NOT NULL AND statement !~ '^CREATE OPERATOR CLASS .*FAMILY' THEN
                EXECUTE format('DROP OPERATOR FAMILY %I.%I USING inverted', home, part[1]);
            END IF;
            part := regexp_match(statement, '^CREATE FUNCTION ((?:hnsw_(?:check|stats|size|recall)|inverted_(?:check|stats))\(.*\))\s+RETURNS');
            IF part IS NOT NULL THEN
                EXECUTE format('DROP FUNCTION %I.%s', home, regexp_replace(part[1], ' DEFAULT \w+', '', 'g'));
            END IF;
        END LOOP;
        FOREACH family IN ARRAY families LOOP
            EXECUTE format('DROP OPERATOR FAMILY %I.%I USING hnsw', home, family);
        END LOOP;
        DROP ACCESS METHOD inverted;
        EXECUTE format('DROP FUNCTION %I.invertedhandler(internal)', home);
    END IF;

    FOREACH statement IN ARRAY statements LOOP
        statement := btrim(statement, E' \n');
        CONTINUE WHEN statement = '';

        IF statement ~ '^CREATE (FUNCTION|AGGREGATE) ' THEN
            IF NOT there THEN
                CONTINUE WHEN statement ~ '^CREATE AGGREGATE ' OR statement ~ '^CREATE FUNCTION hnsw_(check|stats|size|recall)\('
                    OR statement ~ '^CREATE FUNCTION inverted';
                statement := regexp_replace(statement, $$AS '[^']*', '(\w+)_wrapper'$$, $$AS '$libdir/vector', '\1'$$);
                statement := regexp_replace(statement, $$'(array_to_[a-z]+)_\w+'$$, $$'\1'$$);
            END IF;
            statement := regexp_replace(statement, '^CREATE', 'CREATE OR REPLACE');

        ELSIF statement ~ '^COMMENT ON ' THEN
            IF NOT there THEN
                CONTINUE WHEN statement ~ '^COMMENT ON FUNCTION hnsw_(check|stats|size|recall)\('
                    OR statement ~ '^COMMENT ON (FUNCTION|ACCESS METHOD) inverted';
                statement := regexp_replace(statement, $$ IS\s+'.*'$$, ' IS NULL');
            END IF;

        ELSIF NOT there THEN
            CONTINUE; -- the same in pgvector, or dropped above

        ELSIF statement ~ '^CREATE TYPE ' THEN
            part := regexp_match(statement, '^CREATE TYPE (\w+)( \()?');
            SELECT t.typisdefined INTO known FROM pg_type t JOIN pg_depend d ON d.objid = t.oid
             WHERE d.classid = 'pg_type'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = extension
               AND d.deptype = 'e' AND t.typname = part[1]::name;
            IF FOUND THEN
                CONTINUE WHEN part[2] IS NULL; -- its name alone, which functions need
                IF known.typisdefined THEN
                    statement := regexp_replace(statement, '^CREATE TYPE (\w+) \(\s*INPUT = \w+,\s*OUTPUT = \w+,', 'ALTER TYPE \1 SET (');
                END IF;
            END IF;

        ELSIF statement ~ '^CREATE OPERATOR (CLASS|FAMILY) ' THEN
            part := regexp_match(statement, '^CREATE OPERATOR (CLASS|FAMILY) (\w+)\s.*USING (\w+)');
            CONTINUE WHEN EXISTS (
                SELECT FROM pg_depend d
                  LEFT JOIN pg_opclass c ON d.classid = 'pg_opclass'::regclass AND c.oid = d.objid AND part[1] = 'CLASS'
                  LEFT JOIN pg_opfamily f ON d.classid = 'pg_opfamily'::regclass AND f.oid = d.objid AND part[1] = 'FAMILY'
                  JOIN pg_am a ON a.oid IN (c.opcmethod, f.opfmethod)
                 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = extension AND d.deptype = 'e'
                   AND a.amname = part[3]::name AND part[2]::name IN (c.opcname, f.opfname));

        ELSIF statement ~ '^CREATE OPERATOR ' THEN
            part := regexp_match(statement, '^CREATE OPERATOR (\S+) \(\s*LEFTARG = (\w+), RIGHTARG = (\w+),');
            SELECT o.oid, o.oprcom, o.oprrest, o.oprjoin INTO known
              FROM pg_operator o JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright
              JOIN pg_depend d ON d.classid = 'pg_operator'::regclass AND d.objid = o.oid
             WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = extension AND d.deptype = 'e'
               AND o.oprcode::oid <> 0 AND o.oprname = part[1]::name AND l.typname = part[2]::name AND r.typname = part[3]::name;
            IF FOUND THEN
                -- Before 0.6.1 some said of themselves what is not so. One that views use cannot be dropped and made again.
                IF statement !~ 'COMMUTATOR' AND known.oprcom <> 0 THEN
                    UPDATE pg_operator SET oprcom = 0 WHERE oid = known.oid;
                END IF;
                part := part || ARRAY[coalesce(substring(statement, 'RESTRICT = (\w+)'), '-'),
                                      coalesce(substring(statement, 'JOIN = (\w+)'), '-')];
                CONTINUE WHEN known.oprrest::regproc::text = part[4] AND known.oprjoin::regproc::text = part[5];
                statement := format('ALTER OPERATOR %s (%s, %s) SET (RESTRICT = %s, JOIN = %s)', part[1], part[2], part[3],
                                    replace(part[4], '-', 'NONE'), replace(part[5], '-', 'NONE'));
            END IF;

        ELSIF statement ~ '^CREATE CAST ' THEN
            part := regexp_match(statement, '^CREATE CAST \((.*) AS (\S+)\)');
            CONTINUE WHEN EXISTS (
                SELECT FROM pg_cast c JOIN pg_depend d ON d.classid = 'pg_cast'::regclass AND d.objid = c.oid
                 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = extension AND d.deptype = 'e'
                   AND replace(format_type(c.castsource, NULL), quote_ident(home) || '.', '') = part[1]
                   AND replace(format_type(c.casttarget, NULL), quote_ident(home) || '.', '') = part[2]);

        ELSIF statement ~ '^CREATE ACCESS METHOD (hnsw|ivfflat) ' THEN
            CONTINUE; -- looked at above

        ELSIF statement ~ '^CREATE ACCESS METHOD inverted ' THEN
            -- pgvector has none, but the extension may be labelled as pgvector's and be Conifer's
            CONTINUE WHEN EXISTS (
                SELECT FROM pg_am a JOIN pg_depend d ON d.classid = 'pg_am'::regclass AND d.objid = a.oid
                 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = extension AND d.deptype = 'e' AND a.amname = 'inverted'::name);

        ELSIF statement ~ '^ALTER OPERATOR FAMILY integer_ops USING (hnsw|inverted) ADD' THEN
            part := regexp_match(statement, 'USING (\w+) ADD');
            CONTINUE WHEN EXISTS (
                SELECT FROM pg_amop o JOIN pg_opfamily f ON f.oid = o.amopfamily JOIN pg_namespace n ON n.oid = f.opfnamespace
                  JOIN pg_am a ON a.oid = f.opfmethod
                 WHERE n.nspname = home AND f.opfname = 'integer_ops'::name AND a.amname = part[1]::name
                   AND o.amoplefttype <> o.amoprighttype);

        ELSE
            RAISE EXCEPTION 'the engine has a statement that this script does not know: %', statement;
        END IF;

        PERFORM pg_catalog.set_config('search_path', made_in, true);
        EXECUTE statement;
        PERFORM pg_catalog.set_config('search_path', safe, true);
    END LOOP;
    COMMENT ON EXTENSION vector IS '@comment@';

    -- Each index, also one that is not valid: rows are inserted into it all the same.
    LOOP
        SELECT c.oid, c.relkind, n.nspname, c.relname INTO thing
          FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_am a ON a.oid = c.relam
         WHERE a.amname IN ('hnsw', 'ivfflat') AND i.indislive AND c.oid <> ALL (done) AND NOT pg_is_other_temp_schema(n.oid)
         ORDER BY i.indrelid, c.oid LIMIT 1;
        EXIT WHEN NOT FOUND;
        PERFORM pg_catalog.hnsw_anew(thing.oid::regclass, there);
        IF thing.relkind = 'i' THEN
            EXECUTE format('REINDEX INDEX %I.%I', thing.nspname, thing.relname);
        END IF;
        done := done || thing.oid;
    END LOOP;

    DROP FUNCTION pg_catalog.hnsw_anew(regclass, boolean);
    PERFORM pg_catalog.set_config('search_path', made_in, true);
END
$in_place$;
SELECT pg_catalog.move_engine();
DROP FUNCTION pg_catalog.move_engine();
