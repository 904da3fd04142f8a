"""Statements about hnsw indexes that Conifer and pgvector must answer alike. `DIFFERENT` says where not, and why."""

CLASSES = [
    (kind, name) for kind in ("vector", "halfvec", "sparsevec") for name in ("l2", "ip", "cosine", "l1")
] + [("bit", "hamming"), ("bit", "jaccard")]
OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>", "l1": "<+>", "hamming": "<~>", "jaccard": "<%>"}
# Strings of bits for what stands below as vectors: so many of eight differ from those of the query.
BITS = {
    "0,0,0": "00000000", "1,2,3": "01111111", "1,1,1": "00000011", "1,2,4": "00111111", "1,1,2": "00011111",
    "9,9,8": "00001111", "5,5,4": "11111101", "3,3,3": "11111111", "1,2": "10", "1,2,3,4": "101010101", "1,2,x": "1x",
}


def literal(kind, numbers):
    """A value of three elements, or what is none."""
    if kind == "bit":
        return f"'{BITS[numbers]}'"
    if kind == "sparsevec":
        elements = numbers.split(",")
        return "'{" + ",".join(f"{i}:{x}" for i, x in enumerate(elements, 1) if x != "0") + f"}}/{len(elements)}'"
    return f"'[{numbers}]'"


def creation():
    """`CREATE INDEX`: classes, options, columns it cannot be made on."""
    yield "CREATE TABLE t (id int, v vector(3), h halfvec(3), w vector, x halfvec, r real[], b bit(8), s sparsevec(3), y varbit, z varbit(8), a sparsevec)"
    yield "INSERT INTO t SELECT i, ARRAY[i, 1, i % 7], ARRAY[i, 1, i % 7], ARRAY[i, 1, i % 7], ARRAY[i, 1, i % 7] FROM generate_series(1, 20) i"
    yield "UPDATE t SET b = id::bit(8), s = v::sparsevec, y = id::bit(8), z = id::bit(8), a = v::sparsevec"
    for kind, name in CLASSES:
        yield f"CREATE INDEX t_{kind}_{name} ON t USING hnsw ({kind[0]} {kind}_{name}_ops)"
    yield "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1"
    for kind, name in CLASSES:
        yield f"CREATE INDEX ON t USING hnsw ({'h' if kind == 'vector' else 'v'} {kind}_{name}_ops)"
    for options in (
        "m = 2", "m = 100, ef_construction = 200", "m = 1", "m = 101", "m = 0", "m = -1", "m = 16.5", "m = x", "m",
        "ef_construction = 3", "ef_construction = 4", "ef_construction = 1000", "ef_construction = 1001",
        "m = 2, ef_construction = 4", "m = 2, ef_construction = 3", "m = 16, ef_construction = 31",
        "m = 16, ef_construction = 32", "m = 100", "m = 33", "ef_construction = 31", "lists = 10", "fillfactor = 70",
        "m = 4, m = 5", "ef = 10", "hnsw.m = 4", "m = 'a'", "m = '10'", "m = NULL", "",
    ):
        yield f"CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH ({options})"
    yield "CREATE INDEX o ON t USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 10)"
    yield "SELECT pg_get_indexdef('o'::regclass), reloptions FROM pg_class WHERE oid = 'o'::regclass"
    yield "ALTER INDEX o SET (m = 20)"
    yield "REINDEX INDEX o"
    yield "ALTER INDEX o SET (ef_construction = 40)"
    yield "REINDEX INDEX o"
    yield "ALTER INDEX o SET (m = 1)"
    yield "ALTER INDEX o SET (lists = 1)"
    yield "ALTER INDEX o RESET (m, ef_construction)"
    yield "REINDEX INDEX o"
    for column in (
        "w vector_l2_ops", "x halfvec_l2_ops", "r vector_l2_ops", "v", "h", "r", "v vector_ops", "v nothing_ops",
        "v halfvec_l2_ops", "v vector_l2_ops, h halfvec_l2_ops", "v vector_l2_ops, v vector_ip_ops",
        "v vector_l2_ops ASC", "v vector_l2_ops DESC", "v vector_l2_ops NULLS FIRST", "v vector_l2_ops NULLS LAST",
        "v vector_l2_ops (x = 1)", 'v COLLATE "C" vector_l2_ops', "id, v", "v vector_l2_ops) INCLUDE (id",
        "(v::vector(3)) vector_l2_ops", "(w::vector(3)) vector_l2_ops", "(w::vector(4)) vector_l2_ops",
        "(v::halfvec(3)) halfvec_l2_ops", "(v::halfvec) halfvec_l2_ops", "(h::vector(3)) vector_cosine_ops",
        "(subvector(v, 1, 2)::vector(2)) vector_l2_ops", "(subvector(v, 1, 2)) vector_l2_ops",
        "(binary_quantize(v)::bit(3)) bit_hamming_ops_", "(ARRAY[id, 1]::vector(2)) vector_l2_ops",
        "(id::text::vector(1)) vector_l2_ops", "((v + v)::vector(3)) vector_l2_ops",
        "b", "s", "y", "y bit_hamming_ops", "z bit_hamming_ops", "y bit_jaccard_ops", "z bit_jaccard_ops", "a sparsevec_l2_ops",
        "b bit_hamming_ops", "s bit_hamming_ops", "b sparsevec_l1_ops", "b bit_l2_ops",
        "(binary_quantize(v)::bit(3)) bit_hamming_ops", "(binary_quantize(v)) bit_hamming_ops", "(y::bit(9)) bit_jaccard_ops",
        "(v::sparsevec) sparsevec_l2_ops", "(v::sparsevec(3)) sparsevec_cosine_ops", "(b::bit) bit_hamming_ops",
    ):
        yield f"CREATE INDEX ON t USING hnsw ({column})"
    yield "CREATE UNIQUE INDEX ON t USING hnsw (v vector_l2_ops)"
    yield "ALTER TABLE t ADD EXCLUDE USING hnsw (v vector_l2_ops WITH <->)"
    yield "ALTER TABLE t ADD EXCLUDE USING hnsw (v vector_l2_ops WITH =)"
    yield "CREATE INDEX p ON t USING hnsw (v vector_l2_ops) WHERE id < 10"
    yield "CLUSTER t USING p"
    yield "CLUSTER t USING o"
    yield "CREATE INDEX CONCURRENTLY cc ON t USING hnsw (v vector_l2_ops)"
    yield "REINDEX INDEX CONCURRENTLY cc"
    yield "ALTER INDEX cc RENAME TO dd"
    yield "ALTER TABLE t ALTER v TYPE vector(4)"
    yield "ALTER TABLE t ALTER v TYPE vector"
    yield "DROP INDEX dd"
    yield "CREATE UNLOGGED TABLE u (v vector(2))"
    yield "CREATE INDEX ON u USING hnsw (v vector_l2_ops)"
    yield "INSERT INTO u VALUES ('[1,2]')"
    yield "CREATE TEMP TABLE tt (v vector(2))"
    yield "CREATE INDEX ON tt USING hnsw (v vector_l2_ops)"
    yield "INSERT INTO tt VALUES ('[1,2]'), ('[3,4]')"
    yield "SELECT * FROM tt ORDER BY v <-> '[3,3]'"
    yield "TRUNCATE tt"
    yield "SELECT * FROM tt ORDER BY v <-> '[3,3]'"
    yield "CREATE TABLE part (k int, v vector(2)) PARTITION BY LIST (k)"
    yield "CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1)"
    yield "CREATE TABLE part2 PARTITION OF part FOR VALUES IN (2)"
    yield "CREATE INDEX ON part USING hnsw (v vector_l2_ops)"
    yield "INSERT INTO part VALUES (1, '[1,1]'), (2, '[2,2]'), (1, '[3,3]')"
    yield "SELECT * FROM part ORDER BY v <-> '[2,2.1]' LIMIT 2"
    yield "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid::regclass::text LIKE 'part%' ORDER BY 1"


def settings():
    """`hnsw.*`: defaults, ranges, errors."""
    yield "SET hnsw.ef_search = 'loaded too late'"
    yield "SELECT '[1]'::vector"
    for name, values in {
        "ef_search": ("1", "1000", "0", "1001", "-1", "40.4", "'x'", "'10'", "DEFAULT", "on", "NULL"),
        "iterative_scan": ("off", "relaxed_order", "strict_order", "on", "relaxed", "'STRICT_ORDER'", "1", "DEFAULT", "false"),
        "max_scan_tuples": ("1", "2147483647", "0", "2147483648", "DEFAULT", "'1kB'"),
        "scan_mem_multiplier": ("1", "1000", "0.9", "1000.1", "1.5", "DEFAULT"),
        "nothing": ("1",),
    }.items():
        yield f"SHOW hnsw.{name}"
        for value in values:
            yield f"SET hnsw.{name} = {value}"
            yield f"SHOW hnsw.{name}"
    yield (
        "SELECT name, setting, unit, category, short_desc, extra_desc, context, vartype, source, min_val, max_val, enumvals, boot_val, reset_val "
        "FROM pg_settings WHERE name LIKE 'hnsw.%' AND name <> 'hnsw.filter_cache_mem' ORDER BY 1"
    )


def rows():
    """What is indexed and what a query finds."""
    yield "SET enable_seqscan = off"
    for kind, name in CLASSES:
        t, o = f"{kind}_{name}", OPERATORS[name]
        zero, one, two, three, four = (literal(kind, x) for x in ("0,0,0", "1,2,3", "1,1,1", "1,2,4", "1,1,2"))
        short, long, wrong, query = (literal(kind, x) for x in ("1,2", "1,2,3,4", "1,2,x", "3,3,3"))
        dim, unbound = ("8", "bit(2)") if kind == "bit" else ("3", kind)
        yield f"CREATE TABLE {t} (id int PRIMARY KEY, v {kind}({dim}))"
        yield f"INSERT INTO {t} VALUES (1, {zero}), (2, {one}), (3, {two}), (4, NULL)"
        yield f"CREATE INDEX ON {t} USING hnsw (v {kind}_{name}_ops)"
        yield f"INSERT INTO {t} VALUES (5, {three}), (6, {zero}), (7, NULL), (8, {four})"
        yield f"INSERT INTO {t} VALUES (9, {short})"
        yield f"INSERT INTO {t} VALUES (9, {long})"
        yield f"SELECT id FROM {t} WHERE id NOT IN (1, 6) ORDER BY v {o} {query}"
        yield f"SELECT count(*) FROM {t}"
        yield f"SELECT count(*) FROM (SELECT v FROM {t} ORDER BY v {o} {zero}) s"
        yield f"SELECT count(*) FROM (SELECT v FROM {t} ORDER BY v {o} (SELECT NULL::{kind})) s"
        yield f"SELECT count(*) FROM (SELECT v FROM {t} ORDER BY v {o} NULL) s"
        for other in (short, long, f"(SELECT {short}::{unbound})", f"(SELECT {short}::{kind}(2))", wrong, "'2'"):
            yield f"SELECT id FROM {t} ORDER BY v {o} {other} LIMIT 5"
        yield f"UPDATE {t} SET v = {literal(kind, '9,9,8')} WHERE id = 2"
        yield f"DELETE FROM {t} WHERE id = 3"
        yield f"SELECT id FROM {t} WHERE id NOT IN (1, 6) ORDER BY v {o} {query}"
        yield f"VACUUM {t}"
        yield f"SELECT id FROM {t} WHERE id NOT IN (1, 6) ORDER BY v {o} {query}"
        yield f"TRUNCATE {t}"
        yield f"SELECT id FROM {t} ORDER BY v {o} {query}"
        yield f"INSERT INTO {t} VALUES (1, {literal(kind, '5,5,4')})"
        yield f"SELECT id, round((v {o} {query})::numeric, 3) FROM {t} ORDER BY v {o} {query}"
    yield "CREATE TABLE e (a real[])"
    yield "CREATE INDEX ON e USING hnsw ((a::vector(2)) vector_l2_ops)"
    yield "INSERT INTO e VALUES (ARRAY[1, 2]), (ARRAY[3, 4]), (NULL)"
    yield "INSERT INTO e VALUES (ARRAY[1, 2, 3])"
    yield "SELECT * FROM e ORDER BY a::vector(2) <-> '[3,3]'"
    yield "CREATE TABLE w (id int, v vector)"
    yield "CREATE INDEX ON w USING hnsw ((v::vector(3)) vector_l2_ops) WHERE vector_dims(v) = 3"
    yield "CREATE INDEX ON w USING hnsw ((v::vector(2)) vector_l2_ops) WHERE vector_dims(v) = 2"
    yield "INSERT INTO w VALUES (1, '[1,2,3]'), (2, '[1,2]'), (3, '[1]'), (4, '[3,2,1]'), (5, '[5,5]')"
    yield "SELECT id FROM w WHERE vector_dims(v) = 3 ORDER BY v::vector(3) <-> '[3,2,2]'"
    yield "SELECT id FROM w WHERE vector_dims(v) = 2 ORDER BY v::vector(2) <-> '[3,2]'"
    yield "SELECT id FROM w WHERE vector_dims(v) = 1 ORDER BY v::vector(1) <-> '[3]'"
    yield "DECLARE c CURSOR FOR SELECT 1"
    yield "BEGIN"
    yield "DECLARE c SCROLL CURSOR FOR SELECT id FROM vector_l2 ORDER BY v <-> '[1,1,1]'"
    yield "FETCH NEXT FROM c"
    yield "FETCH NEXT FROM c"
    yield "FETCH PRIOR FROM c"
    yield "ROLLBACK"
    yield "BEGIN"
    yield "DECLARE c NO SCROLL CURSOR FOR SELECT id FROM vector_l2 ORDER BY v <-> '[1,1,1]'"
    yield "FETCH NEXT FROM c"
    yield "FETCH PRIOR FROM c"
    yield "ROLLBACK"


def properties():
    """What the catalogs say of the access method."""
    for name in (
        "can_order", "can_unique", "can_multi_col", "can_exclude", "can_include",
    ):
        yield f"SELECT pg_indexam_has_property(oid, '{name}') FROM pg_am WHERE amname = 'hnsw'"
    yield "CREATE TABLE a (v vector(2))"
    yield "CREATE INDEX a_v ON a USING hnsw (v vector_l2_ops)"
    for name in ("clusterable", "index_scan", "bitmap_scan", "backward_scan"):
        yield f"SELECT pg_index_has_property('a_v'::regclass, '{name}')"
    for name in (
        "asc", "desc", "nulls_first", "nulls_last", "orderable", "distance_orderable", "returnable", "search_array",
        "search_nulls",
    ):
        yield f"SELECT pg_index_column_has_property('a_v'::regclass, 1, '{name}')"
    yield (
        "SELECT opcname, opcdefault, opcintype::regtype::text, opckeytype::regtype::text, "
        "(SELECT array_agg((amopstrategy, amoppurpose, amopopr::regoperator, (SELECT opfname FROM pg_opfamily s WHERE s.oid = amopsortfamily))::text ORDER BY 1) "
        "FROM pg_amop WHERE amopfamily = opcfamily) "
        "FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'hnsw') AND opcname ~ '^(vector|halfvec|sparsevec|bit)_' ORDER BY 1"
    )
    for kind, name in CLASSES:
        yield f"SELECT amvalidate(oid) FROM pg_opclass WHERE opcname = '{kind}_{name}_ops' AND opcmethod = (SELECT oid FROM pg_am WHERE amname = 'hnsw')"


# Statements that the two answer differently, by a word that no other statement has.
DIFFERENT = {
    "(v vector_l2_ops, h halfvec_l2_ops)": "several columns are a key and a vector here, which must be the last",
    "(v vector_l2_ops, v vector_ip_ops)": "as above",
    "(id, v)": "as above: what is missing is the operator class of the vector",
    "can_multi_col": "keys",
    "search_array": "keys",
    "search_nulls": "keys",
    "FROM pg_settings": "a description that is empty is '' here and null there: the safe interface knows no null",
}
