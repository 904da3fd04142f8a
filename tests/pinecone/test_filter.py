"""Metadata filters on a server: its own jsonb, GIN against a sequential scan, policies, other schemas, dumps."""

import json
import random

import psycopg
import pytest

ROWS, FILTERS = 3000, 600
NAMES = ["a", "b", "", "genre", "ü", "a name that is longer than those which an index keeps as they are"]
TEXTS = ["a", "", "1", "true", "\"'; DROP", *(f"a string that is longer than those that an index keeps as they are {i}" for i in range(3))]
NUMBERS = [-1e300, 1e300, 0.1, 2**53 + 1, *(i / 2 - 1 for i in range(5))]


class Chance(random.Random):
    """Filters and metadata of few fields and values, so that they meet."""

    def scalar(self):
        return self.choice([self.choice(TEXTS), self.choice(NUMBERS), self.random() < 0.5])

    def metadata(self):
        def value():
            if self.random() < 0.1:
                return self.choice([None, {"a": 1}, [[1], None], {}])
            return self.scalar() if self.random() < 0.6 else [self.scalar() for _ in range(self.randrange(4))]

        return {self.choice(NAMES): value() for _ in range(self.randrange(6))}

    def filter(self, depth=0):
        clauses = {}
        for _ in range(self.randint(1 if depth else 0, 2)):
            if depth < 3 and self.random() < 0.3:
                clauses[self.choice(["$and", "$or"])] = [self.filter(depth + 1) for _ in range(self.randint(1, 3))]
            else:
                clauses[self.choice(NAMES)] = self.scalar() if self.random() < 0.3 else self.operators()
        return clauses

    def operators(self, depth=0):
        made = {}
        for _ in range(self.randint(1, 2)):
            operator = self.choice(["$eq", "$ne", "$in", "$nin", "$gt", "$gte", "$lt", "$lte", "$exists", *["$not"] * (depth < 2)])
            match operator:
                case "$eq" | "$ne":
                    made[operator] = self.scalar()
                case "$in" | "$nin":
                    made[operator] = [self.scalar() for _ in range(self.randrange(4))]
                case "$exists":
                    made[operator] = self.random() < 0.5
                case "$not":
                    made[operator] = self.operators(depth + 1)
                case _:
                    made[operator] = self.choice(NUMBERS)
        return made


def matches(filter, metadata):
    """What the documentation says."""

    def equal(a, b):
        if isinstance(a, bool) or isinstance(b, bool):
            return a is b
        if isinstance(a, (int, float)) and isinstance(b, (int, float)):
            return float(a) == float(b)
        return isinstance(a, str) and a == b

    def holds(operator, operand, there, field):
        anything = lambda values: any(equal(x, y) for x in (field if isinstance(field, list) else [field]) for y in values)
        number = isinstance(field, (int, float)) and not isinstance(field, bool)
        match operator:
            case "$eq" | "$in":
                return there and anything(operand if operator == "$in" else [operand])
            case "$ne" | "$nin":
                return there and not anything(operand if operator == "$nin" else [operand])
            case "$gt":
                return number and field > operand
            case "$gte":
                return number and field >= operand
            case "$lt":
                return number and field < operand
            case "$lte":
                return number and field <= operand
            case "$exists":
                return there == operand
            case "$not":
                return not all(holds(o, v, there, field) for o, v in operand.items())

    def clause(key, value):
        if key == "$and":
            return all(matches(inner, metadata) for inner in value)
        if key == "$or":
            return any(matches(inner, metadata) for inner in value)
        operators = value if isinstance(value, dict) else {"$eq": value}
        return all(holds(operator, operand, key in metadata, metadata.get(key)) for operator, operand in operators.items())

    return all(clause(key, value) for key, value in filter.items())


def test_random_filters_by_gin_and_without(db):
    chance = Chance(15)
    rows = [(i, chance.choice(["", "x", "y"]), chance.metadata()) for i in range(ROWS)]
    db.execute("CREATE TABLE t (id int, namespace text COLLATE \"C\", metadata jsonb)")
    with db.cursor().copy("COPY t FROM STDIN") as copy:
        for i, namespace, metadata in rows[: ROWS - 300]:
            copy.write_row((i, namespace, json.dumps(metadata)))
    db.execute("CREATE INDEX one ON t USING gin (metadata pc_filter_ops)")
    db.execute("CREATE INDEX two ON t USING gin (namespace pc_text_ops, metadata pc_filter_ops)")
    with db.cursor().copy("COPY t FROM STDIN") as copy:  # stays in the pending lists
        for i, namespace, metadata in rows[ROWS - 300 :]:
            copy.write_row((i, namespace, json.dumps(metadata)))
    db.execute("DELETE FROM t WHERE id % 17 = 3")
    rows = [row for row in rows if row[0] % 17 != 3]
    found, by_index = 0, 0
    for n in range(FILTERS):
        if n == FILTERS // 2:
            db.execute("VACUUM ANALYZE t")
        filter, namespace = chance.filter(), chance.choice([None, "", "x"])
        expected = {i for i, at, metadata in rows if namespace in (None, at) and matches(filter, metadata)}
        where = "metadata @@@ %s::jsonb" + (" AND namespace = %s" if namespace is not None else "")
        arguments = [json.dumps(filter)] + ([namespace] if namespace is not None else [])
        for plans in ("enable_seqscan = off", "enable_bitmapscan = off"):
            db.execute(f"RESET ALL; SET {plans}")
            got = {i for i, in db.execute(f"SELECT id FROM t WHERE {where}", arguments)}
            assert got == expected, (filter, namespace, plans, got ^ expected)
            plan = db.execute(f"EXPLAIN SELECT id FROM t WHERE {where}", arguments).fetchall()
            by_index += "bitmapscan" not in plans and any("Bitmap Index Scan" in line for line, in plan)
        found += bool(expected)
    # There was something to find, and most of it by an index.
    assert found > FILTERS / 2 and by_index > FILTERS / 2, (found, by_index)


def test_many_values(db):
    """The longest list, by an index: GIN asks each key that it looks up of each row that it finds, a thousand million times here."""
    db.execute("CREATE TABLE t (id int, metadata jsonb)")
    db.execute("INSERT INTO t SELECT i, jsonb_build_object('n', i % 20000, 't', 'text ' || i % 20000) FROM generate_series(1, 200000) i")
    db.execute("CREATE INDEX ON t USING gin (metadata pc_filter_ops)")
    db.execute("SET enable_seqscan = off; SET statement_timeout = '10s'")
    for field, value in (("n", lambda i: i * 2), ("t", lambda i: f"text {i * 2}")):
        wanted = json.dumps({field: {"$in": [value(i) for i in range(10000)]}})
        assert db.execute("SELECT count(*) FROM t WHERE metadata @@@ %s::jsonb", [wanted]).fetchone() == (100000,)


@pytest.mark.parametrize("policy", ["", "USING (namespace = 'x')"])
def test_estimates_follow_statistics(db, policy):
    """Under a policy, too: the operator is leakproof, so it may be asked of the values that ANALYZE has kept."""
    db.execute("CREATE TABLE t (namespace text, metadata jsonb)")
    db.execute("INSERT INTO t SELECT 'x', jsonb_build_object('a', i % 4, 'b', i) FROM generate_series(1, 20000) i")
    db.execute("ANALYZE t; CREATE ROLE estimates_reader; GRANT SELECT ON t TO estimates_reader")
    try:
        if policy:
            db.execute(f"ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t {policy}")
        db.execute("SET ROLE estimates_reader")
        for filter, rows in (('{"a": 1}', 5000), ('{"a": {"$ne": 1}}', 15000), ('{"b": {"$lte": 10000}}', 10000), ('{"a": 9}', 0)):
            plan, = db.execute("EXPLAIN (FORMAT json) SELECT * FROM t WHERE metadata @@@ %s::jsonb", [filter]).fetchone()
            estimate = plan[0]["Plan"]["Plan Rows"]
            assert abs(estimate - rows) <= max(rows / 2, 200), (filter, estimate)
    finally:
        db.execute("RESET ROLE; DROP OWNED BY estimates_reader; DROP ROLE estimates_reader")


def test_in_a_schema_that_nobody_looks_at(server, empty_database):
    with server.connect(empty_database) as session:
        session.execute("CREATE SCHEMA elsewhere; CREATE EXTENSION conifer SCHEMA elsewhere; SET search_path = ''")
        question = "SELECT elsewhere.pc_filter_matches('{\"a\": 1}', '{\"a\": 1}'), '{\"a\": 1}'::pg_catalog.jsonb OPERATOR(elsewhere.@@@) '{\"a\": 2}'"
        assert session.execute(question).fetchone() == (True, False)
        session.execute("CREATE TABLE public.t (metadata pg_catalog.jsonb)")
        session.execute("CREATE INDEX ON public.t USING gin (metadata elsewhere.pc_filter_ops)")
        session.execute("SET enable_seqscan = off")
        plan = session.execute("EXPLAIN SELECT * FROM public.t WHERE elsewhere.pc_filter_matches(metadata, '{\"a\": 1}')").fetchall()
        assert any("Bitmap Index Scan" in line for line, in plan), plan


def test_an_index_comes_through_a_dump(server, database):
    with server.connect(database) as session:
        session.execute("CREATE TABLE t (namespace text, metadata jsonb)")
        session.execute("INSERT INTO t SELECT 'x', jsonb_build_object('a', i) FROM generate_series(1, 1000) i")
        session.execute("CREATE INDEX by_filter ON t USING gin (namespace pc_text_ops, metadata pc_filter_ops)")
        session.execute("ALTER TABLE t ADD CHECK (pc_filter_matches(metadata, '{\"a\": {\"$exists\": true}}'))")
    copy = f"{database}_copy"
    server.create_database(copy)
    try:
        server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", copy, stdin=server.run("pg_dump", database))
        with server.connect(copy) as session:
            session.execute("SET enable_seqscan = off")
            question = "SELECT count(*) FROM t WHERE namespace = 'x' AND metadata @@@ '{\"a\": {\"$gt\": 990}}'"
            assert session.execute(question).fetchone() == (10,)
            assert any("by_filter" in line for line, in session.execute(f"EXPLAIN {question}"))
            with pytest.raises(psycopg.errors.CheckViolation):
                session.execute("INSERT INTO t VALUES ('x', '{}')")
    finally:
        server.drop_database(copy)


def test_an_encoding_without_json_texts_is_refused(server):
    name = "filter_latin1"
    server._administer("CREATE DATABASE {} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'", name)
    try:
        with server.connect(name) as session:
            session.execute("CREATE EXTENSION conifer")
            assert session.execute("""SELECT '{"a": 1}'::jsonb @@@ '{"a": 1}'""").fetchone() == (True,)
            with pytest.raises(psycopg.errors.FeatureNotSupported):
                session.execute("""SELECT '{"a": 1}'::jsonb @@@ '{"a": "é"}'""")
    finally:
        server.drop_database(name)
