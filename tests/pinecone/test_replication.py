"""Index tables and keys over a subscription, with nothing but defaults: the subscriber has the records, the roles and the rules."""

import psycopg
import pytest

from tests.pinecone.access.keys_and_people import MEMBERS, PASSWORDS, expect, fill, sights
from tests.support.cluster import Cluster
from tests.support.waiting import until

TABLES = "pc.index_reg, pc_auth.project, pc_auth.group_role, pc_auth.api_key, pc_auth.key_scope, pc_auth.member, pc_auth.organisation"
RECORDS = """SELECT namespace, id, "values"::text, metadata FROM pc_data.i_1 ORDER BY 1, 2"""
PRIVILEGES = """SELECT c.relname, r.rolname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
                 WHERE c.relnamespace = 'pc_data'::regnamespace ORDER BY 1, 2, 3"""


class Pair:
    """A filled publisher and a subscriber that has the tables, in databases `shop`."""

    def __init__(self, major):
        self.publisher, self.subscriber = Cluster(major, "publisher", {"wal_level": "logical"}), Cluster(major, "subscriber")
        for cluster in (self.publisher, self.subscriber):
            cluster.create_database("shop")
        self.here, self.there = self.publisher.connect("shop"), self.subscriber.connect("shop")
        self.here.execute("CREATE EXTENSION conifer")
        self.keys = fill(self.here)
        self.there.execute("CREATE EXTENSION conifer; CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN")
        self.tables("pc_data.*")

    def tables(self, pattern):
        """The subscriber gets the publisher's tables, without the privileges of groups that it has not."""
        dump = self.publisher.run("pg_dump", "-s", "--no-privileges", "-t", pattern, "shop")
        self.subscriber.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "shop", stdin=dump)

    def subscribe(self):
        self.here.execute(f"CREATE PUBLICATION pinecone FOR TABLES IN SCHEMA pc_data, TABLE {TABLES}")
        address = f"host={self.publisher.env['PGHOST']} port={self.publisher.env['PGPORT']} user=postgres dbname=shop"
        self.there.execute(f"CREATE SUBSCRIPTION pinecone CONNECTION '{address}' PUBLICATION pinecone")

    def equal(self, *queries):
        for query in queries:
            until(lambda: self.there.execute(query).fetchall() == self.here.execute(query).fetchall())

    def close(self):
        self.there.execute("DROP SUBSCRIPTION IF EXISTS pinecone")
        self.here.close()
        self.there.close()
        self.publisher.destroy()
        self.subscriber.destroy()


@pytest.fixture(params=[15, 18])
def pair(request):
    pair = Pair(request.param)
    yield pair
    pair.close()


def test_records_and_keys(pair):
    here, there, keys = pair.here, pair.there, pair.keys
    pair.subscribe()
    # the first copy
    pair.equal(RECORDS, PASSWORDS, MEMBERS, PRIVILEGES, "SELECT * FROM pc_auth.project ORDER BY 1")
    until(lambda: there.execute("SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel").fetchone() == (True,))
    expect(sights(pair.subscriber, "shop", keys))
    # what comes after it
    here.execute("""SELECT pc_upsert('a', '[{"id": "x", "values": [3, 4], "metadata": {"n": 1}}, {"id": "y", "values": [5, 6]}]', 'n')""")
    here.execute("SELECT pc_upsert('a', '[{\"id\": \"z\", \"values\": [7, 8]}]', 'n'), pc_delete('a', ARRAY['x'], namespace => 'm')")
    here.execute("SELECT pc_delete('a', ARRAY['z'], namespace => 'n')")
    pair.equal(RECORDS)
    query = "SELECT id, score FROM pc_query('a', '[5,6]', namespace => 'n')"
    assert there.execute(query).fetchall() == here.execute(query).fetchall() != []
    # a key that is made, one that is limited, one that is revoked, a person who loses a role
    made, secret = here.execute("SELECT * FROM pc_create_api_key('later', namespaces => '{\"a\": [\"n\"]}')").fetchone()
    pair.equal(PASSWORDS, MEMBERS)
    with pair.subscriber.connect("shop", user=made, password=secret) as session:
        assert {row[0] for row in session.execute("SELECT namespace FROM pc_data.i_1")} == {"n"}
    here.execute("SELECT pc_revoke_api_key(%s)", [made])
    here.execute("SELECT pc_revoke_role('bob', 'DataPlaneViewer', 'other')")
    pair.equal(PASSWORDS, MEMBERS, "SELECT grant_id, member, role, project_id FROM pc_auth.member ORDER BY 1")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        pair.subscriber.connect("shop", user=made)
    # a project goes with what it has, an index with what is limited to it
    here.execute("SELECT pc_create_project('brief'), pc_create_api_key('k', project => 'brief')")
    here.execute("DELETE FROM pc_auth.project WHERE name = 'brief'")
    here.execute("SELECT pc_delete_index('b')")
    pair.equal(PASSWORDS, MEMBERS, "SELECT * FROM pc.index_reg ORDER BY 1", "SELECT * FROM pc_auth.key_scope ORDER BY 1, 2",
               "SELECT * FROM pc_auth.project ORDER BY 1")
    assert there.execute("SELECT pc_sync_roles()").fetchone() == (0,)


def test_index_that_comes_later(pair):
    """Its table is made at the subscriber by hand; `pc_sync_roles` opens it if its row was faster."""
    here, there = pair.here, pair.there
    pair.subscribe()
    pair.equal(PASSWORDS, MEMBERS, PRIVILEGES)
    here.execute("SELECT pc_create_index('c', 2)")
    here.execute("""SELECT pc_upsert('c', '[{"id": "x", "values": [1, 2]}]')""")
    pair.equal("SELECT * FROM pc.index_reg ORDER BY 1")
    pair.tables("pc_data.i_4")
    there.execute("ALTER SUBSCRIPTION pinecone REFRESH PUBLICATION")
    there.execute("SELECT pc_sync_roles()")
    pair.equal("SELECT id FROM pc_data.i_4", PRIVILEGES)
    with pair.subscriber.connect("shop", user=pair.keys["reader"]) as session:
        assert session.execute("SELECT id FROM pc_query('c', '[1,2]')").fetchall() == [("x",)]
