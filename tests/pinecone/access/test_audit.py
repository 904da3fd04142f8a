"""The audit: what was done and what was refused, by whom; what the report finds when something is wrong; queries under policies."""

import json
import re

import psycopg
import pytest

from tests.pinecone.access.world import state
from tests.support.cluster import Cluster
from tests.support.waiting import until


@pytest.fixture(scope="module")
def cluster():
    server = Cluster(15, "audit")
    yield server
    server.destroy()


@pytest.fixture
def shop(cluster, request):
    """A fresh database with an index of two namespaces."""
    name = "shop"
    cluster.drop_database(name)
    cluster.create_database(name)
    with cluster.connect(name) as session:
        session.execute("CREATE EXTENSION conifer")
        session.execute("SELECT pc_create_index('films', 4)")
        fill(session, 1, 40)
        yield session
        session.execute("DROP EXTENSION conifer CASCADE")


def fill(session, first, last):
    """Write the records of these numbers."""
    session.execute(f"""INSERT INTO pc_data.i_1 SELECT 'n' || i % 2, 'r' || i,
                        ARRAY(SELECT sin(i * j) FROM generate_series(1, 4) j)::vector FROM generate_series({first}, {last}) i""")
    session.execute("VACUUM ANALYZE pc_data.i_1")


def key(session, name, more=""):
    return session.execute(f"SELECT key_id FROM pc_create_api_key('{name}'{more})").fetchone()[0]


def logged(cluster):
    lines = (cluster.home / "log" / "server").read_text().splitlines()
    return [json.loads(match[1]) for line in lines if (match := re.search(r"conifer audit: (\{.*\})", line))]


def test_what_is_recorded(cluster, shop):
    writer = key(shop, "writer")
    reader = key(shop, "reader", ", control_plane => 'ReadOnly', data_plane => 'ReadOnly'")
    with cluster.connect("shop", user=writer, application_name="importer") as session:
        session.execute("SELECT pc_create_index('books', 2)")
        session.execute("SELECT pc_configure_index('books', tags => '{\"a\": \"b\"}')")
        session.execute("SELECT pc_delete_index('books')")
        # rolled back with what it records
        session.execute("BEGIN; SELECT pc_create_index('never', 2); ROLLBACK")
    shop.execute("SELECT pc_rotate_api_key(%s)", [writer])
    shop.execute("SELECT pc_update_api_key(%s, name => 'other')", [reader])
    shop.execute("SELECT pc_revoke_api_key(%s)", [writer])
    rows = shop.execute("SELECT actor, actor_type, application, project, action, resource, outcome FROM pc_audit()").fetchall()
    assert [row[4:6] for row in rows if row[0] == writer] == [
        ("create_index", "books"), ("configure_index", "books"), ("delete_index", "books")]
    assert {row[1:4] for row in rows if row[0] == writer} == {("api_key", "importer", "default")}
    ours = [row[4:6] for row in rows if row[0] == "postgres"]
    assert ours[-3:] == [("rotate_api_key", writer), ("update_api_key", reader), ("revoke_api_key", writer)]
    assert not any("never" == row[5] for row in rows)
    assert shop.execute("SELECT count(*) FROM pc_audit(actor => %s, action => 'create_index')", [writer]).fetchone() == (1,)
    assert shop.execute("SELECT count(*) FROM pc_audit(since => now() + interval '1 hour')").fetchone() == (0,)
    for statement in ["UPDATE pc_auth.audit SET actor = 'x'", "DELETE FROM pc_auth.audit", "TRUNCATE pc_auth.audit"]:
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="cannot be changed"):
            shop.execute(statement)


def test_what_is_refused(cluster, shop):
    reader = key(shop, "reader", ", data_plane => 'ReadOnly'")
    before = len(logged(cluster))
    with cluster.connect("shop", user=reader) as session:
        for statement in ["SELECT pc_create_index('x', 2)", "SELECT pc_delete('films', ARRAY['r1'])", "SELECT * FROM pc_list_api_keys()",
                          "SELECT * FROM pc_audit()", "SELECT * FROM pc_security_report()", "SELECT pc_grant_role('x', 'OrgOwner')",
                          "SELECT pc_create_project('x')"]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement)
    told = logged(cluster)[before:]
    assert [event["action"] for event in told] == [
        "create_index", "delete", "list_api_keys", "read_audit", "security_report", "grant_role", "create_project"]
    assert {(event["actor"], event["outcome"]) for event in told} == {(reader, "failure")}


def test_who_tries_doors(cluster, shop):
    """What a key does not see, what is not for keys, and keys that are wrong, revoked or expired."""
    secret = shop.execute("SELECT api_key FROM pc_create_api_key('pooled')").fetchone()[0]
    pooled = secret[:20]
    scoped = key(shop, "scoped", ", indexes => ARRAY['films']")
    shop.execute("SELECT pc_create_index('other', 2)")
    gone = key(shop, "gone")
    shop.execute("CREATE ROLE gateway LOGIN; GRANT conifer_gateway TO gateway")
    before = len(logged(cluster))

    def refused(session, statement, code, *params):
        with pytest.raises(psycopg.Error) as error:
            session.execute(statement, params)
        assert error.value.sqlstate == code

    with cluster.connect("shop", user=scoped, application_name="crawler") as session:
        refused(session, "SELECT * FROM pc_list('other')", "42P01")
        refused(session, "SELECT * FROM pc_list('nothing')", "42P01")
        refused(session, "CREATE TEMP TABLE t (a int)", "42501")
        refused(session, "SELECT lo_create(0)", "42501")
    with cluster.connect("shop", user="gateway", application_name="crawler") as session:
        refused(session, "SELECT * FROM pc_list('films')", "28000")
        refused(session, "SELECT pc_use_key(%s)", "28P01", secret[:-1])
        refused(session, "SELECT pc_use_key(%s)", "28P01", secret[:-2] + "zz")
    with cluster.connect("shop", user=gone, application_name="crawler") as session:
        session.execute("SELECT * FROM pc_list('films')")
        shop.execute("UPDATE pc_auth.api_key SET expires_at = now() - interval '1 s' WHERE key_id = %s", [gone])
        refused(session, "SELECT * FROM pc_list('films')", "28000")
    shop.execute("DROP ROLE gateway")
    told = logged(cluster)[before:]
    assert [(event["session_role"], event["actor_type"], event["action"], event["resource"]) for event in told] == [
        (scoped, "api_key", "list", "other"), (scoped, "api_key", "list", "nothing"), (scoped, "api_key", "execute", "CREATE TABLE"),
        (scoped, "api_key", "call", "lo_create"), ("gateway", "role", "authenticate", ""), ("gateway", "role", "use_api_key", ""),
        ("gateway", "role", "use_api_key", pooled), (gone, "role", "authenticate", gone)]
    assert {(event["outcome"], event["application"]) for event in told} == {("failure", "crawler")}
    assert secret[21:40] not in json.dumps(told)


NOBODY = [
    ("create_index", "x", "SELECT pc_create_index('x', 2)"),
    ("delete_index", "films", "SELECT pc_delete_index('films')"),
    ("list_indexes", "", "SELECT pc_list_indexes()"),
    ("describe_index", "films", "SELECT pc_describe_index('films')"),
    ("query", "films", "SELECT pc_query('films', '[1,0,0,0]')"),
    ("upsert", "films", "SELECT pc_upsert('films', '[]')"),
    ("create_api_key", "mine", "SELECT pc_create_api_key('mine')"),
    ("list_api_keys", "", "SELECT pc_list_api_keys()"),
    ("revoke_api_key", "cfk_0000000000000000", "SELECT pc_revoke_api_key('cfk_0000000000000000')"),
    ("grant_role", "nobody", "SELECT pc_grant_role('nobody', 'ProjectOwner')"),
    ("list_members", "", "SELECT pc_list_members()"),
    ("set_default_role", "ProjectOwner", "SELECT pc_set_default_role('ProjectOwner')"),
    ("create_project", "mine", "SELECT pc_create_project('mine')"),
    ("list_projects", "", "SELECT pc_list_projects()"),
    ("read_audit", "", "SELECT pc_audit()"),
    ("security_report", "", "SELECT pc_security_report()"),
    ("sync_roles", "", "SELECT pc_sync_roles()"),
    ("make_independent", "", "SELECT pc_make_independent()"),
    ("use_api_key", "", "SELECT pc_use_key('cfk_')"),
]


def test_what_is_refused_to_a_role_that_has_nothing(cluster, shop):
    shop.execute("CREATE ROLE nobody LOGIN")
    before = len(logged(cluster))
    try:
        with cluster.connect("shop", user="nobody") as session:
            for _, _, statement in NOBODY:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(statement)
    finally:
        shop.execute("DROP ROLE nobody")
    told = logged(cluster)[before:]
    assert [(event["action"], event["resource"]) for event in told] == [(action, resource) for action, resource, _ in NOBODY]
    assert {(event["actor"], event["actor_type"], event["outcome"]) for event in told} == {("nobody", "role", "failure")}
    assert "has no access to any project" in told[0]["reason"]


def test_a_session_that_a_revocation_ends_is_in_the_log(cluster, shop):
    """It has ended also if the revocation is rolled back, which takes its row of the audit back."""
    held = key(shop, "held")
    with cluster.connect("shop", autocommit=False) as other, cluster.connect("shop", autocommit=False) as session:
        pid = other.info.backend_pid
        other.execute("SELECT pc_update_api_key(%s, name => 'open')", [held])
        session.execute("SELECT pc_revoke_api_key(%s)", [held])
        session.rollback()
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")
    (line,) = [line for line in logged(cluster) if line["action"] == "end_session"]
    assert (line["actor"], line["resource"], line["outcome"]) == ("postgres", f"{pid} of postgres", "success")
    assert held in line["reason"]
    assert shop.execute("SELECT revoked_at, name FROM pc_describe_api_key(%s)", [held]).fetchone() == (None, "held")


def test_old_rows_are_deleted_by_superusers_alone(cluster, shop):
    shop.execute("DROP ROLE IF EXISTS boss; CREATE ROLE boss LOGIN")
    shop.execute("SELECT pc_grant_role('boss', 'OrgOwner')")
    count = "SELECT count(*) FROM pc_audit()"
    try:
        (before,) = shop.execute("SELECT clock_timestamp()").fetchone()
        (had,) = shop.execute(count).fetchone()
        writer = key(shop, "writer")
        for user in ("boss", writer):
            with cluster.connect("shop", user=user) as session, pytest.raises(psycopg.errors.InsufficientPrivilege, match="may not delete rows of the audit"):
                session.execute("SELECT pc_prune_audit(now())")
        with pytest.raises(psycopg.errors.NullValueNotAllowed):
            shop.execute("SELECT pc_prune_audit(NULL)")
        assert shop.execute("SELECT pc_prune_audit(%s)", [before]).fetchone() == (had,)
        rows = shop.execute("SELECT actor, project, action, parameters FROM pc_audit()").fetchall()
        assert [row[2] for row in rows] == ["create_api_key", "prune_audit"]
        assert rows[1][:2] == ("postgres", None) and rows[1][3]["rows"] == had and rows[1][3]["before"]
        # and still not in any other way
        for statement in ("DELETE FROM pc_auth.audit", "UPDATE pc_auth.audit SET actor = 'x'", "TRUNCATE pc_auth.audit"):
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
                shop.execute(statement)
        assert shop.execute(count).fetchone() == (2,)
    finally:
        shop.execute("DELETE FROM pc_auth.member; DROP ROLE boss")


def test_what_is_done_to_the_organisation_is_not_for_projects(cluster, shop):
    """Whatever project is set, its owners read of what is done to the project alone."""
    shop.execute("DROP ROLE IF EXISTS boss, keeper, eve; CREATE ROLE boss LOGIN; CREATE ROLE keeper LOGIN; CREATE ROLE eve")
    shop.execute("SELECT pc_create_project('own'); SELECT pc_grant_role('boss', 'OrgOwner'), pc_grant_role('keeper', 'ProjectOwner', 'own')")
    try:
        with cluster.connect("shop", user="boss") as boss, cluster.connect("shop", user="keeper") as keeper:
            boss.execute("SET conifer.project = 'own'")
            for statement in ("pc_create_project('secret')", "pc_grant_role('eve', 'OrgMember')", "pc_set_default_role('DataPlaneViewer', 'secret')",
                              "pc_set_default_role(NULL)", "pc_revoke_role('eve', 'OrgMember')", "pc_grant_role('eve', 'ProjectViewer', 'secret')",
                              "pc_revoke_role('eve', 'ProjectViewer', 'secret')", "pc_delete_project('secret')", "pc_make_independent()",
                              "pc_grant_role('eve', 'ProjectViewer')", "pc_revoke_role('eve', 'ProjectViewer')"):
                boss.execute(f"SELECT {statement}")
            keeper.execute("SET conifer.project = 'own'")
            assert keeper.execute("SELECT actor, project, action, resource FROM pc_audit()").fetchall() == [
                ("postgres", "own", "grant_role", "keeper"), ("boss", "own", "grant_role", "eve"), ("boss", "own", "revoke_role", "eve")]
            done = boss.execute("SELECT project, action, resource FROM pc_audit(actor => 'boss')").fetchall()
            assert len(done) == 11 and done[0] == (None, "create_project", "secret") and {project for project, *_ in done} == {None, "own"}
    finally:
        shop.execute("DELETE FROM pc_auth.member; DROP ROLE boss, keeper, eve")


def test_what_is_refused_in_a_project_that_does_not_exist(cluster, shop):
    before = len(logged(cluster))
    shop.execute("SET conifer.project = 'nowhere'")
    for statement in ("SELECT pc_create_index('x', 2)", "SELECT pc_create_api_key('x', project => 'elsewhere')", "SELECT pc_list_api_keys('')"):
        with pytest.raises(psycopg.errors.UndefinedObject):
            shop.execute(statement)
    told = logged(cluster)[before:]
    assert [(event["action"], event["reason"]) for event in told] == [
        ("create_index", 'project "nowhere" does not exist'), ("create_api_key", 'project "elsewhere" does not exist'),
        ("list_api_keys", 'project "" does not exist')]


def test_what_is_refused_by_other_ways(cluster, shop):
    """Keys of another project and projects of others, which look as if there were none; acting as a key where policies do not
    hold; triggers of ours on other tables; roles made again by a key."""
    reader = key(shop, "reader")
    shop.execute("SELECT pc_create_project('other')")
    foreign = key(shop, "far", ", project => 'other'")
    shop.execute("CREATE ROLE keeper LOGIN")
    shop.execute("SELECT pc_grant_role('keeper', 'ProjectOwner')")
    shop.execute("CREATE TABLE other (a int); CREATE TRIGGER t AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION pc_auth.follow_key()")
    before = len(logged(cluster))

    def refused(session, statement, code):
        with pytest.raises(psycopg.Error) as error:
            session.execute(statement)
        assert error.value.sqlstate == code

    with cluster.connect("shop", user="keeper") as session:
        refused(session, f"SELECT pc_revoke_api_key('{foreign}')", "42704")
        refused(session, "SELECT pc_describe_project('other')", "42704")
    with cluster.connect("shop", user=reader) as session:
        refused(session, "SELECT pc_sync_roles()", "42501")
    refused(shop, "SELECT pc_use_key('cfk_')", "42501")
    refused(shop, "INSERT INTO other VALUES (1)", "42501")
    told = logged(cluster)[before:]
    assert [(event["actor"], event["action"], event["resource"]) for event in told] == [
        ("keeper", "revoke_api_key", foreign), ("keeper", "describe_project", "other"), (reader, "sync_roles", ""),
        ("postgres", "use_api_key", ""), ("postgres", "call", "follow_key")]
    shop.execute("SELECT pc_revoke_role('keeper', 'ProjectOwner'); DROP ROLE keeper")


def test_who_gives_their_own_role_away(cluster, shop):
    """What is recorded is who did it, whatever they are after it."""
    shop.execute("CREATE ROLE owner LOGIN")
    shop.execute("SELECT pc_grant_role('owner', 'OrgOwner')")
    with cluster.connect("shop", user="owner") as session:
        session.execute("SELECT pc_revoke_role('owner', 'OrgOwner')")
    assert shop.execute("SELECT action, resource FROM pc_audit(actor => 'owner')").fetchall() == [("revoke_role", "owner")]
    shop.execute("DROP ROLE owner")


def test_data_plane_on_request(cluster, shop):
    reader = key(shop, "reader", ", control_plane => 'ReadOnly', data_plane => 'ReadOnly'")
    with cluster.connect("shop", user=reader) as session:
        query = "SELECT id FROM pc_query('films', '[1,0,0,0]', namespace => 'n1')"
        session.execute(query)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SET conifer.audit_data_plane = off")
        shop.execute("ALTER DATABASE shop SET conifer.audit_data_plane = on")
        with cluster.connect("shop", user=reader) as later:
            assert later.execute(query).fetchall() == session.execute(query).fetchall()
            later.execute("BEGIN READ ONLY")
            later.execute("SELECT pc_describe_index_stats('films')")
            later.execute("COMMIT")
            later.execute("SELECT * FROM pc_list_indexes()")
            later.execute("BEGIN")
            later.execute("SELECT * FROM pc_fetch('films', ARRAY['r1'], namespace => 'n1')")
            later.execute("ROLLBACK")
            later.execute("SELECT count(*) FROM pc_data.i_1")
            with cluster.connect("shop", user=reader, options="-c conifer.audit_data_plane=off") as hidden:
                hidden.execute("SELECT id FROM pc_data.i_1 LIMIT 1")
            with later.cursor().copy("COPY pc_data.i_1 TO STDOUT") as copy:
                list(copy)
            later.execute("DECLARE c CURSOR WITH HOLD FOR SELECT id FROM pc_data.i_1 WHERE namespace = 'n1'; FETCH c; FETCH c")
    rows = shop.execute("SELECT action, resource FROM pc_audit(actor => %s)", [reader]).fetchall()
    assert rows == [("query", "films"), ("list_indexes", "")]
    told = [(event["action"], event["resource"]) for event in logged(cluster) if event["actor"] == reader and event["outcome"] == "success"]
    # What was read is told at once, rolled back or not.
    assert told == [("query", "films"), ("describe_index_stats", "films"), ("list_indexes", ""), ("fetch", "films"), *[("sql", "i_1")] * 4]


def test_what_a_user_s_code_reads_below_a_call(cluster, shop):
    """A trigger of a person's own reads another index, in the middle of a call that is recorded as what it is."""
    shop.execute("CREATE ROLE editor LOGIN; GRANT ALL ON SCHEMA public TO editor; SELECT pc_grant_role('editor', 'ProjectEditor', 'default')")
    shop.execute("ALTER DATABASE shop SET conifer.audit_data_plane = on")
    with cluster.connect("shop", user="editor") as session:
        session.execute("""CREATE TABLE own (id text COLLATE "C" PRIMARY KEY, embedding vector(2) NOT NULL, metadata jsonb NOT NULL DEFAULT '{}');
                           SELECT pc_create_index('own', from_table => 'own');
                           CREATE TABLE loot (id text);
                           CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                               INSERT INTO loot SELECT id FROM pc_data.i_1; PERFORM pc_list('films'); RETURN NEW; END $$;
                           CREATE TRIGGER trg BEFORE INSERT ON own FOR EACH ROW EXECUTE FUNCTION trg()""")
        before = len(logged(cluster))
        session.execute("""SELECT pc_upsert('own', '[{"id": "x", "values": [1, 2]}]')""")
        assert session.execute("SELECT count(*) FROM loot").fetchone() == (40,)
        session.execute("SELECT count(*) FROM pc_query('own', '[1,2]')")
    told = [(event["actor"], event["action"], event["resource"]) for event in logged(cluster)[before:]]
    assert told == [("editor", "sql", "i_1"), ("editor", "list", "films"), ("editor", "query", "own")]
    shop.execute("""SELECT pc_delete_index('own'); DROP OWNED BY editor; DELETE FROM pc_auth.member WHERE member = 'editor'; DROP ROLE editor;
                    ALTER DATABASE shop RESET conifer.audit_data_plane""")


def test_copies_by_superusers(cluster, shop):
    """COPY of a table is no query to whom no policies hold for; nor is what pg_dump does."""
    def told():
        return [event["resource"] for event in logged(cluster) if event["action"] == "sql" and event["actor"] == "postgres"]

    shop.execute("SET conifer.audit_data_plane = on")
    for statement, more in (("COPY pc_data.i_1 TO STDOUT", 1), ("COPY pc_data.i_1 (id) TO STDOUT", 1), ("COPY (SELECT 1) TO STDOUT", 0),
                            ("COPY pc_auth.project TO STDOUT", 0)):
        before = len(told())
        with shop.cursor().copy(statement) as copy:
            list(copy)
        assert told()[before:] == ["i_1"] * more, statement
    before = len(told())
    with shop.transaction(force_rollback=True), shop.cursor().copy('COPY pc_data.i_1 (namespace, id, "values") FROM STDIN') as copy:
        copy.write_row(("n9", "copied", "[1,0,0,0]"))
    assert told()[before:] == ["i_1"]
    shop.execute("RESET conifer.audit_data_plane; ALTER DATABASE shop SET conifer.audit_data_plane = on")
    before = len(told())
    cluster.run("pg_dump", "-d", "shop", "-t", "pc_data.i_1")
    assert told()[before:] == ["i_1"]


FAULTS = [
    ("ALTER TABLE pc_data.i_1 DISABLE ROW LEVEL SECURITY", "row security is off"),
    ("ALTER TABLE pc_data.i_1 OWNER TO postgres", "owned by postgres"),
    ("DROP POLICY reading ON pc_data.i_1", "policies are missing or were changed"),
    ("ALTER POLICY deleting ON pc_data.i_1 USING (true)", "policies are missing or were changed"),
    ("CREATE POLICY hole ON pc_data.i_1 USING (true)", "permissive policies of others"),
    ("GRANT SELECT ON pc_data.i_1 TO PUBLIC", "pc_data.i_1"),
    ("GRANT conifer_owner TO {key}", "{key}"),
    ("ALTER ROLE {key} PASSWORD 'mine'", "{key}"),
    ("ALTER ROLE {key} CREATEDB", "{key}"),
    ("ALTER ROLE {key} SET work_mem = '1GB'", "{key}: work_mem=1GB"),
    ("ALTER ROLE {key} RESET ALL", "{key}"),
    ("GRANT pg_read_all_data TO {key}", "{key} in pg_read_all_data"),
    ("GRANT SELECT ON pg_authid TO {key}", "{key} in shop"),
    ("CREATE FUNCTION loose() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'", "loose()"),
    ("UPDATE pc_auth.api_key SET created_at = now() - interval '100 days'", "{key}"),
]


def test_report_does_not_hide_what_is_worse(cluster, shop):
    """A list is cut after thirty, and says so; strangers' objects come after superusers'."""
    definer = "CREATE FUNCTION {0}() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'"
    shop.execute("DROP ROLE IF EXISTS eve; CREATE ROLE eve; CREATE SCHEMA eves AUTHORIZATION eve; CREATE SCHEMA zoo; SET ROLE eve")
    for number in range(40):
        shop.execute(f"""{definer.format(f'eves."a long name, number {number}"')};
            CREATE TABLE eves.a{number} (); GRANT SELECT ON eves.a{number} TO PUBLIC;
            CREATE FUNCTION eves.pc_use_key({', '.join(['int'] * (number + 1))}) RETURNS int LANGUAGE sql AS 'SELECT 1'""")
    shop.execute(f"RESET ROLE; {definer.format('zoo.of_a_superuser')}; CREATE TABLE zoo.of_a_superuser (); GRANT SELECT ON zoo.of_a_superuser TO PUBLIC")
    shop.execute("CREATE FUNCTION public.pc_use_key(int, text) RETURNS int LANGUAGE sql AS 'SELECT 1'")
    report = dict(shop.execute("SELECT item, found FROM pc_security_report()").fetchall())
    for item, first in [("SECURITY DEFINER functions without a pinned search_path", "zoo.of_a_superuser()"),
                        ("PUBLIC has privileges on tables", "zoo.of_a_superuser"), ("other functions named pc_use_key", "public.pc_use_key(integer,text)")]:
        assert report[item].startswith(first + ", ") and report[item].endswith(", and 11 more"), report[item]
    shop.execute("DROP SCHEMA eves, zoo CASCADE; DROP FUNCTION public.pc_use_key(int, text); DROP ROLE eve")


@pytest.mark.parametrize("fault, found", FAULTS)
def test_report_finds(shop, fault, found):
    name = key(shop, "k", ", expires_at => now() + interval '1 day'")
    look = "SELECT state, found, advice FROM pc_security_report() WHERE state IN ('warn', 'fail') AND found LIKE %s"
    wanted = "%" + found.format(key=name) + "%"
    assert shop.execute(look, [wanted]).fetchall() == []
    shop.execute("BEGIN")
    shop.execute(fault.format(key=name))
    rows = shop.execute(look, [wanted]).fetchall()
    assert rows and all(advice for _, _, advice in rows)
    shop.execute("ROLLBACK")


def index_scans(session):
    """How often the graphs of index 1 were searched, by sessions that have told so: at their end, or after a second."""
    session.execute("SELECT pg_stat_force_next_flush()")
    return session.execute("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'i_1_namespace_values_metadata_idx'").fetchone()[0]


def test_queries_under_policies(cluster, shop):
    """They walk the graph of their namespace and return as many rows as are asked for."""
    fill(shop, 41, 4000)
    whole = key(shop, "whole")
    limited = key(shop, "limited", """, namespaces => '{"films": ["n1"]}'""")
    query = """SELECT id FROM pc_data.i_1 WHERE namespace = 'n1' ORDER BY "values" <=> '[1,0,1,0]' LIMIT 20"""
    wanted = shop.execute(query).fetchall()
    assert len(wanted) == 20
    for name in (whole, limited):
        with cluster.connect("shop", user=name) as session:
            if name == whole:
                plan = "\n".join(line for (line,) in session.execute(f"EXPLAIN {query}").fetchall())
                assert "Index Scan using i_1_namespace_values_metadata_idx" in plan
            before = index_scans(shop)
            assert session.execute(query).fetchall() == wanted
            # without a namespace there is no graph to walk, and nothing is missing
            every = session.execute("""SELECT id FROM pc_data.i_1 ORDER BY "values" <=> '[1,0,1,0]' LIMIT 20""").fetchall()
            assert len(every) == 20 and (name == whole or {f"r{2 * i + 1}" for i in range(2000)} >= {row[0] for row in every})
            found = session.execute("SELECT id FROM pc_query('films', '[1,0,1,0]', 20, 'n1')").fetchall()
            assert len(set(found) & set(wanted)) >= 18
        until(lambda: index_scans(shop) >= before + 2)


FORGED = """conifer audit: {"actor" : "ann", "action" : "sql", "outcome" : "success"}"""


@pytest.mark.parametrize("way", ["message", "second line", "detail", "hint", "error", "statement", "function", "logged statement"])
def test_nobody_else_writes_lines_of_the_audit(cluster, shop, way):
    """What a user has the server log is told from the audit by its text."""
    raises = {
        "message": f"RAISE LOG '{FORGED}'",
        "second line": f"RAISE LOG E'x\\n2026-11-30 LOG:  {FORGED}'",
        "detail": f"RAISE LOG 'x' USING DETAIL = '{FORGED}'",
        "hint": f"RAISE LOG 'x' USING HINT = '{FORGED}'",
        "error": f"RAISE EXCEPTION '{FORGED}'",
    }
    shop.execute("DROP ROLE IF EXISTS eve; CREATE ROLE eve LOGIN")
    with cluster.connect("shop", user="eve") as eve:
        eve.execute("SELECT pc_whoami()")  # loads the library
        before = logged(cluster)
        log = cluster.home / "log" / "server"
        size = log.stat().st_size
        if way in raises:
            state(eve, f"DO $$ BEGIN {raises[way]}; END $$")
        elif way == "statement":
            state(eve, f"SELECT 1/0 /* {FORGED} */")
        elif way == "function":
            state(eve, f"SELECT '{FORGED}'::integer")
        else:
            shop.execute("SET log_statement = 'all'")
            shop.execute(f"SELECT '{FORGED}'")
            shop.execute("RESET log_statement")
        eve.execute("DO $$ BEGIN RAISE LOG 'the last line'; END $$")
        until(lambda: "the last line" in log.read_text()[size:])
    added = log.read_text()[size:]
    assert logged(cluster) == before and "conifer audit:" not in added
    shop.execute("DROP ROLE eve")


@pytest.mark.parametrize("way", ["SET", "connection"])
def test_the_name_of_an_application_is_no_line_of_the_audit(cluster, shop, way):
    """`log_line_prefix` shows it as it is, to all who read the log, and pg_stat_activity to all who may see the session; nor is it a way for a key into these."""
    writer = key(shop, "writer")
    whole = f"{writer}_{'0123456789abcdefghjkmnpqrstvwxyz' * 2}"[:73]
    forged = 'conifer audit: {"actor":"ann","action":"sql"}'
    log = cluster.home / "log" / "server"
    shop.execute("ALTER SYSTEM SET log_line_prefix = '%m [%a] '")
    shop.execute("SELECT pg_reload_conf()")
    try:
        for name, shown in ((forged, forged.replace("audit:", "audit?")), (whole, writer)):
            before, size = len(logged(cluster)), log.stat().st_size
            with cluster.connect("shop", user=writer, **({"application_name": name} if way == "connection" else {})) as session:
                if way == "SET":
                    session.execute("SELECT set_config('application_name', %s, false)", [name])
                assert state(session, "SELECT 1/0") == "22012"
                assert state(session, "DROP TABLE x") == "42501"
                (seen,) = shop.execute("SELECT application_name FROM pg_stat_activity WHERE pid = %s", [session.info.backend_pid]).fetchone()
                assert seen.startswith(shown) and name not in seen
                until(lambda: "DROP TABLE is not for" in log.read_text()[size:])
            [event] = logged(cluster)[before:]
            assert event["action"] == "execute" and event["session_role"] == writer
            # after the library is loaded
            added = "".join(line for line in log.read_text()[size:].splitlines() if "ERROR" in line or "audit" in line)
            assert "division by zero" in added and "conifer audit: {\"actor\":\"ann" not in added and whole not in added
    finally:
        shop.execute("ALTER SYSTEM RESET log_line_prefix")
        shop.execute("SELECT pg_reload_conf()")


def test_what_a_line_of_the_audit_is_called_from_is_no_line_of_it(cluster, shop):
    """Its context has the statements around it, whose text is a user's."""
    shop.execute("DROP ROLE IF EXISTS eve; CREATE ROLE eve LOGIN")
    log = cluster.home / "log" / "server"
    with cluster.connect("shop", user="eve") as eve:
        eve.execute("SELECT pc_whoami() WHERE false")
        before, size = len(logged(cluster)), log.stat().st_size
        mark = "conifer audit" + ":"
        eve.execute("SELECT set_config('x.forged', %s, false)", [FORGED])
        assert state(eve, """DO $d$ BEGIN EXECUTE 'SELECT pc_create_api_key(''x'') /*' || chr(10) || current_setting('x.forged') || chr(10) || '*/'; END $d$""") == "42501"
        eve.execute("DO $$ BEGIN RAISE LOG 'the last line'; END $$")
        until(lambda: "the last line" in log.read_text()[size:])
    told = logged(cluster)[before:]
    assert [event["action"] for event in told] == ["create_api_key"]
    assert log.read_text()[size:].count(mark) == 1
    shop.execute("DROP ROLE eve")
