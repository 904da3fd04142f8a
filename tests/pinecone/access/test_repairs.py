"""What is lost by a restore without owners, by DROP OWNED and by ALTER ROLE: it fails closed, pc_sync_roles() gives it back, and pc_security_report()
says so."""

import itertools

import pytest

from tests.pinecone.access.world import create_key, state

_numbers = itertools.count(1)
QUERY = "SELECT id FROM pc_query('films', '[1,2]')"
# Raises if and only if there is such a record, in a session that reads in part, where conditions are not kept behind the policies.
TELLS = "SELECT count(*) FROM pc_data.i_1 t WHERE t.id <> %s OR has_table_privilege('no.such', 'select')"
DEAR = "SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off"
REPORT = "SELECT state, found FROM pc_security_report() WHERE item = %s"


class Shop:
    """A database with an index, keys and a person."""

    def __init__(self, server, tmp_path):
        self.server, self.tmp_path, self.name = server, tmp_path, f"repairs_{next(_numbers)}"
        server.create_database(self.name, "with_conifer")
        self.db = server.connect(self.name)
        self.db.execute("SELECT pc_create_index('films', 2)")
        for space in ("n1", "n2"):
            self.db.execute("SELECT pc_upsert('films', %s, %s)", [f'[{{"id": "{space}-a", "values": [1, 2]}}]', space])
        self.key = create_key(self.db, "all")
        self.limited = create_key(self.db, "limited", namespaces='{"films": ["n1"]}')
        self.person, self.pool = f"ann_{self.name}", f"pool_{self.name}"
        self.db.execute(f"CREATE ROLE {self.person} LOGIN; CREATE ROLE {self.pool} LOGIN IN ROLE conifer_gateway")
        self.db.execute("SELECT pc_grant_role(%s, 'ProjectEditor')", [self.person])

    def login(self, user):
        return self.server.connect(self.name, user=user)

    def restore(self, *options, between=""):
        """Put the database in the place of itself by a dump."""
        path = str(self.tmp_path / "dump")
        self.db.close()
        self.server.run("pg_dump", "-Fc", "-f", path, self.name)
        self.server.drop_database(self.name)
        with self.server.connect("postgres") as db:
            db.execute(between or "SELECT")
        self.server.create_database(self.name)
        self.server.run("pg_restore", *options, "-d", self.name, path)
        self.db = self.server.connect(self.name)

    def sync(self):
        """What pc_sync_roles() changes, and says."""
        said = []
        self.db.add_notice_handler(lambda notice: said.append(notice.message_primary))
        self.db.execute("SELECT pc_sync_roles()")
        return said

    def destroy(self):
        self.db.execute("SELECT count(pc_revoke_api_key(key_id)) FROM pc_auth.api_key WHERE revoked_at IS NULL")
        self.db.execute("DROP EXTENSION conifer CASCADE")
        self.db.execute(f"DROP OWNED BY {self.pool}; DROP ROLE {self.pool}")
        if self.db.execute("SELECT FROM pg_roles WHERE rolname = %s", [self.person]).fetchone():
            self.db.execute(f"DROP OWNED BY {self.person}; DROP ROLE {self.person}")
        self.db.close()
        self.server.drop_database(self.name)


@pytest.fixture
def shop(server, tmp_path):
    shop = Shop(server, tmp_path)
    yield shop
    shop.destroy()


def test_a_restore_without_owners(shop):
    """The tables are a superuser's then, and tables of indexes all the same."""
    shop.db.execute("""CREATE TABLE public.films (namespace text COLLATE "C" NOT NULL, id text COLLATE "C", "values" vector(2) NOT NULL,
                                                  metadata jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (namespace, id));
                       SELECT pc_create_index('over', from_table => 'public.films')""")
    shop.restore("--no-owner")
    assert shop.db.execute("SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname IN ('i_1', 'i_2')").fetchall() == [("postgres",)]
    for user in (shop.pool, shop.limited[0]):
        with shop.login(user) as session:
            session.execute(DEAR)
            assert len({state(session, TELLS, hidden) for hidden in ("n2-a", "nope")}) == 1, user
    with shop.login(shop.pool) as session:
        assert state(session, "SELECT count(*) FROM pc_data.i_1") == "42501"
    with shop.login(shop.person) as session:
        assert state(session, "BEGIN; SELECT pc_whoami(); LOCK TABLE pc_data.i_1 IN ACCESS EXCLUSIVE MODE NOWAIT") == "42501"
    assert shop.db.execute(REPORT, ["table pc_data.i_1"]).fetchone() == ("fail", "owned by postgres")
    shop.sync()
    assert shop.db.execute("SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relname IN ('i_1', 'i_2')").fetchall() == [("conifer_owner",)]
    assert shop.db.execute(REPORT, ["table pc_data.i_1"]).fetchone() is None
    for user in (shop.key[0], shop.person):
        with shop.login(user) as session:
            assert session.execute("SELECT count(*) FROM pc_data.i_1").fetchone() == (2,)
            assert session.execute("SELECT * FROM pc_list('over')").fetchall() == []


def test_a_table_that_somebody_was_given_is_not_taken_from_them(shop):
    shop.db.execute(f"ALTER TABLE pc_data.i_1 OWNER TO {shop.person}")
    shop.sync()
    assert shop.db.execute(REPORT, ["table pc_data.i_1"]).fetchone() == ("fail", f"owned by {shop.person}")
    shop.db.execute("ALTER TABLE pc_data.i_1 OWNER TO conifer_owner")


def test_the_library_of_a_key(shop):
    shop.db.execute(f"ALTER ROLE {shop.key[0]} RESET ALL")
    shop.sync()
    assert shop.db.execute(REPORT, ["keys that load no library at login"]).fetchone() == ("ok", "none")
    with shop.login(shop.key[0]) as session:
        assert state(session, "CREATE TEMP TABLE z (a int)") == "42501"
    assert shop.db.execute("SELECT pc_sync_roles()").fetchone() == (0,)


def test_privileges_of_the_groups(shop):
    shop.db.execute("DROP OWNED BY conifer_people; DROP OWNED BY conifer_keys; DROP OWNED BY conifer_gateway")
    with shop.login(shop.key[0]) as session:
        assert state(session, QUERY) == "42501"
    shop.sync()
    for user in (shop.key[0], shop.person):
        with shop.login(user) as session:
            assert len(session.execute("SELECT id FROM pc_list('films', namespace => 'n1')").fetchall()) == 1
    with shop.login(shop.pool) as session, session.transaction():
        session.execute("SELECT pc_use_key(%s)", [shop.key[1]])
        assert session.execute("SELECT count(*) FROM pc_data.i_1").fetchone() == (2,)


def test_a_person_whose_role_comes_later(shop):
    """Restored where there is no role of that name, the row waits for one."""
    shop.db.execute(f"SELECT pc_revoke_role('{shop.person}', 'ProjectEditor'), pc_grant_role('{shop.person}', 'ProjectViewer')")
    shop.restore(between=f"DROP ROLE {shop.person}")
    item = "rows of people who have no role"
    assert shop.db.execute(REPORT, [item]).fetchone() == ("fail", f"{shop.person}: ProjectViewer")
    assert any(shop.person in line and "has no role" in line for line in shop.sync())
    shop.db.execute(f"CREATE ROLE {shop.person} LOGIN")
    assert any(shop.person in line and "ProjectViewer" in line for line in shop.sync())
    assert shop.sync() == [] and shop.db.execute(REPORT, [item]).fetchone() == ("ok", "none")
