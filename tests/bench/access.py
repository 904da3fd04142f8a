"""What access costs a query. Whoever acts, it is the same prepared statement over the same socket."""

import statistics
import sys
import time

import numpy as np

from tests.support.cluster import Cluster

ROWS, DIM, QUERIES = 20_000, 384, 300
QUERY = "SELECT id, score FROM pc_query('bench', %s::vector, namespace => 'n')"


def main(rounds):
    server = Cluster(15, "bench-access", {"autovacuum": "off"})
    try:
        with server.connect("postgres") as admin:
            measure(server, admin, rounds)
            measure_hidden(server, admin)
    finally:
        server.destroy()


def measure(server, admin, rounds):
    random = np.random.default_rng(1)
    admin.execute("CREATE EXTENSION conifer")
    (table,) = admin.execute("SELECT table_name::text FROM pc_create_index('bench', %s)", [DIM]).fetchone()
    with admin.cursor().copy(f'COPY {table} (namespace, id, "values") FROM STDIN') as copy:
        for i, row in enumerate(random.standard_normal((ROWS, DIM), dtype=np.float32)):
            copy.write_row(("n", f"r{i}", "[" + ",".join(map(str, row)) + "]"))
    admin.execute(f"VACUUM ANALYZE {table}")
    key = admin.execute("SELECT key_id FROM pc_create_api_key('whole')").fetchone()[0]
    limited = admin.execute("""SELECT key_id FROM pc_create_api_key('limited', namespaces => '{"bench": ["m", "n"]}')""").fetchone()[0]
    vectors = ["[" + ",".join(map(str, row)) + "]" for row in random.standard_normal((QUERIES, DIM), dtype=np.float32)]
    sides = {
        "superuser": admin,
        "key": server.connect("postgres", user=key),
        "key of two namespaces": server.connect("postgres", user=limited),
    }
    times = {name: [] for name in sides}
    for n in range(rounds + 1):
        for name, session in list(sides.items())[:: 1 if n % 2 else -1]:
            begin = time.perf_counter()
            for vector in vectors:
                session.execute(QUERY, [vector], prepare=True).fetchall()
            times[name].append((time.perf_counter() - begin) / QUERIES * 1e6)
    base = times.pop("superuser")[1:]  # the first round fills the caches
    print(f"pc_query, {ROWS} x {DIM}, top 10, {rounds} rounds of {QUERIES} queries")
    print(f"{'superuser':24}{statistics.median(base):8.0f} µs")
    for name, values in times.items():
        values = values[1:]
        more = statistics.median(value - other for value, other in zip(values, base))
        ratio = statistics.median(value / other for value, other in zip(values, base))
        print(f"{name:24}{statistics.median(values):8.0f} µs {more:+8.1f} µs {100 * (ratio - 1):+8.1f} %")


def measure_hidden(server, admin):
    """What time tells a key of one namespace: the same queries beside few and many rows of others."""
    random = np.random.default_rng(2)
    own = 2_000
    shapes = {
        "pc_query in its namespace": "SELECT id, score FROM pc_query('{index}', %s::vector, namespace => 'own')",
        "SQL in its namespace": """SELECT id FROM {table} WHERE namespace = 'own' ORDER BY "values" <=> %s::vector LIMIT 10""",
        "SQL over all": """SELECT id FROM {table} ORDER BY "values" <=> %s::vector LIMIT 10""",
    }
    vectors = ["[" + ",".join(map(str, row)) + "]" for row in random.standard_normal((QUERIES, DIM), dtype=np.float32)]
    print(f"a key of one namespace of {own} rows, {DIM} dimensions, median of {QUERIES} queries")
    for hidden in (200, ROWS - own):
        index = f"hidden-{hidden}"
        (table,) = admin.execute("SELECT table_name::text FROM pc_create_index(%s, %s)", [index, DIM]).fetchone()
        with admin.cursor().copy(f'COPY {table} (namespace, id, "values") FROM STDIN') as copy:
            for i, row in enumerate(random.standard_normal((own + hidden, DIM), dtype=np.float32)):
                copy.write_row(("own" if i < own else "other", f"r{i}", "[" + ",".join(map(str, row)) + "]"))
        admin.execute(f"VACUUM ANALYZE {table}")
        scope = f'{{"{index}": ["own"]}}'
        key = admin.execute("SELECT key_id FROM pc_create_api_key('own', namespaces => %s::jsonb)", [scope]).fetchone()[0]
        with server.connect("postgres", user=key) as session:
            for name, sql in shapes.items():
                sql, times = sql.format(index=index, table=table), []
                for vector in vectors[:20] + vectors:
                    begin = time.perf_counter()
                    session.execute(sql, [vector], prepare=True).fetchall()
                    times.append((time.perf_counter() - begin) * 1e6)
                print(f"{name:28}{hidden:8} hidden rows {statistics.median(times[20:]):8.0f} µs")


if __name__ == "__main__":
    main(int(sys.argv[1]))
