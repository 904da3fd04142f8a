"""Expressions over `sparsevec` that Conifer and pgvector must answer alike; random ones are always the same."""

import random
import struct

from tests.types.vector_expressions import literal, number_texts

RANDOM = 20_250_702

ACCEPTED = """
{1:0.5,3:2}/5|{3:2,1:0.5}/5|{5:1,4:2,3:3,2:4,1:5}/5|{}/5|{ }/ 5|{}/1|{}/1000000000|{1000000000:1}/1000000000
 { 1 : 2 , 3 : 4 } / 5 |{ 1: -2 ,+3:+4}/+5|{01:1}/005|{1:.5,2:5.,3:-.5,4:1e3,5:1E-3,6:1.e+3}/6
{1:0,2:1}/2|{2:0,2:1}/2|{2:-0,2:1,2:0}/2|{0:0}/5|{6:0}/5|{-1:0.0}/5|{99999999999999999999:0}/5|{1:0e99}/1|{1:0x0p9}/1
{1:3.4028235e38,2:-3.40282347e+38,3:3.4028235677973365e38}/3|{1:1e-45,2:-1.17549435e-38,3:7.1e-46}/3
{1:0x10,2:0X1.8p1,3:0x.8,4:0x1p-149,5:-0xep-1}/9|{1:16777217,2:9007199254740993}/2|{7:0.1234567890123456789}/7
""".strip().replace("\n", "|").split("|")

REFUSED = """
|{|{ |{1|{1 |{1:|{1: |{1:1|{1:1,|{1:1, |{1:1}|{1:1} |{1:1}/|{1:1}/ |{}|{ }|{}/|{}/x|{}/-|{}/+|{}/.5
[1,2,3]|1:1}/2|(1:1)/2|hello|/5|}/5| 1|}{/1|{{1:1}}/2|{1:1}}/2|{1:1}{2:2}/2|{1:1}5|{1:1},/2|{1:1} x/2|{1:1}|/2
{1:1}/2,|{1:1}/2.5|{1:1}/2 2|{}/5x|{}/5/5|{}/0x5|{}/5e0|{}/5}|{}/0 0|{}/ 5 junk
{,}/2|{,1:1}/2|{1:1,}/2|{1:1,,2:1}/2|{:1}/2|{:}/2|{1}/2|{1,2}/2|{1:1;2:1}/2|{1:1 2:1}/2|{1:}/2|{1: }/2|{1:,2:1}/2|{1::1}/2
{a:1}/2|{1.5:1}/2|{1e0:1}/2|{0x1:1}/2|{- 1:1}/2|{+-1:1}/2|{--1:1}/2|{+:1}/2|{1 1:1}/2|{"1":1}/2|{１:1}/2|{é:1}/2
{1:a}/2|{1:1a}/2|{1:1e}/2|{1:1e+}/2|{1:--1}/2|{1:- 1}/2|{1:.}/2|{1:-}/2|{1:1.2.3}/2|{1:1 1}/2|{1:0x}/2|{1:1_0}/2|{1:null}/2
{0:1}/5|{6:1}/5|{-1:1}/5|{-0:1}/5|{2147483647:1}/5|{2147483648:1}/5|{-2147483648:1}/5|{99999999999999999999:1}/5|{-99999999999999999999:1}/5
{4294967297:1}/5|{2147483648:1,4294967296:1}/5|{1:1,2:2}/1|{1:1,2:1,6:1}/5|{6:1,6:1}/5|{0:1,0:1}/5|{1:1,0:1}/5
{3:2,3:0.5}/5|{1:1,3:2,1:1}/5|{5:1,5:1,6:1}/5|{6:1,6:2,5:1,5:2}/5|{1:1,1:-1}/1|{2:0,1:1,1:2}/3
{}/0|{}/-1|{1:1}/0|{}/-99999999999999999999|{}/1000000001|{}/2147483648|{}/4294967297|{}/99999999999999999999|{9:1}/1000000001|{}/-0
{1:nan}/2|{1:NaN}/2|{9:-NAN}/2|{1:nan(1)}/2|{1:inf}/2|{1:-Infinity}/2|{1:+INF,|{1:infinit}/2|{0:inf}/0|{1:1,1:nan}/1
{1:1e39}/2|{1:-1e39}/2|{1: 1e39 }/2|{9:1e400}/2|{1:3.4028236e38}/2|{1:0x1p128}/2|{1:1e39|{1:junk,2:1e39}/2
{1:1e-46}/2|{1:-1e-46}/2|{1:1e-400}/2|{1:.00001e-99}/2|{1:0x1p-150}/2|{1:0xep-200}/2|{1:7.006492321624085e-46}/2|{1:7.006492321624086e-46}/2
{1:1}''/2|{1:1}/2''
""".strip("\n").replace("\n", "|").split("|")

WHITE_SPACE = [r"E'\t{1:1}/1'", r"E'{\n1\r:\f1\v}\t/\n1\r'", r"E'{1\u00a0:1}/1'", r"E'{}\u00a0/1'", r"E'{}/\u00a01'", r"E'{}/1\b'"]


def sparse(elements: dict, dim: int) -> str:
    """A sparse vector in its text form; indices count from 1."""
    return "{" + ",".join(f"{i}:{x}" for i, x in elements.items()) + f"}}/{dim}"


def texts(chance: random.Random, n: int) -> list[str]:
    """`n` sparse vectors whose indices stand in any order and whose values are written in many ways."""
    found = []
    for _ in range(n):
        dim = chance.choice([50, 1000, 10**9])
        indices = chance.sample(range(1, dim + 1), k=chance.randint(0, 20))
        found.append(sparse(dict(zip(indices, number_texts(chance, 10))), dim))
    return found


def inputs() -> list[str]:
    """Text input, good and bad."""
    chance = random.Random(RANDOM)
    some = [literal(t) for t in ACCEPTED + REFUSED + texts(chance, 60)] + WHITE_SPACE
    some += ["'{' || (SELECT string_agg(i || ':%s', ',') FROM generate_series(1, %s) i) || '}/20000'" % each
             for each in [("1", 15999), ("-0.1", 16000), ("0", 16000), ("1", 16001), ("0", 16001)]]
    some += ["'{' || (SELECT string_agg(i || ':1', ',' ORDER BY i DESC) FROM generate_series(1, 16000) i) || '}/16000'"]
    some += [f"repeat(',', {n})" for n in (15999, 16000)] + [f"'{{}}/3' || repeat(',', {n})" for n in (15999, 16000)]
    soup = ["".join(chance.choices("{}:,/0123456789.eE+- xnaif", k=chance.randint(1, 14))) for _ in range(300)]
    soup += ["{" + "".join(chance.choices("0123:,. ", k=chance.randint(1, 10))) + "}/3" for _ in range(300)]
    for _ in range(400):
        items = [f"{chance.randint(-1, 6)}:{chance.choice([0, 1, '-2', '1e-50', '1e50'])}" for _ in range(chance.randint(0, 4))]
        text = "{" + ",".join(items) + f"}}/{chance.choice([3, 4, 5, 5, 5, 0])}"
        cut = chance.randint(0, len(text))
        soup.append(chance.choice([text, text, text[:cut] + chance.choice(" 0:,}") + text[cut:], text[:cut] + text[cut + 1 :]]))
    some += [literal(t) for t in soup]
    return [f"SELECT v::text, sparsevec_send(v), pg_column_size(v) FROM (SELECT ({t})::text::sparsevec v) t" for t in some]


def modifiers() -> list[str]:
    """Type modifiers and casts to a number of dimensions."""
    mods = ["(1)", "(2)", "(3)", "(1000000000)", "(0)", "(-1)", "(1000000001)", "(2147483647)", "(1,2)", "(0,1)", "(99999999999)", "('2')", "('x')", "()"]
    cases = [f"SELECT {v}::sparsevec{m}" for m in mods for v in ("'{1:1}/2'", "'{3:1}/2'", "NULL")]
    cases += ["SELECT '{1:1}/2'::sparsevec::sparsevec(2)", "SELECT '{1:1}/2'::sparsevec::sparsevec(3)", "SELECT '{1:1}/2'::sparsevec(2)::sparsevec"]
    cases += [f"SELECT sparsevec('{{1:1}}/2'::sparsevec, {t}, {e})" for t in (-1, 1, 2, 0, -2) for e in ("true", "false")]
    lists = ("{3}", "{}", "{3,4}", "{NULL}", "{1,NULL}", "{{3}}", "{{1},{2}}", "{x}", "{-7}", "{0}", "{1000000001}", "{ 3 }", "{}")
    cases += [f"SELECT sparsevec_typmod_in('{a}')" for a in lists]
    cases += [f"SELECT format_type('sparsevec'::regtype, {t})" for t in (-1, 3, 1000000000)]
    cases += [f"SELECT sparsevec_in('{v}', 0, {t})" for v in ("{7:1}/5", "{1:1}/5", "{1:1}/0", "{1:x}/5") for t in (-1, 4, 5, -5, 0)]
    return cases


def columns() -> list[str]:
    """Assignment, constraints and updates in a table."""
    return [
        "CREATE TABLE bad (v sparsevec(0))",
        "CREATE TABLE bad (v sparsevec(1000000001))",
        "CREATE TABLE bad (v sparsevec(1,2))",
        "CREATE TABLE t (id serial PRIMARY KEY, v sparsevec(3), w sparsevec)",
        "INSERT INTO t (v) VALUES ('{1:1}/2')",
        "INSERT INTO t (v) VALUES ('{3:1}/2')",
        "INSERT INTO t (v) VALUES ('{1:1,3:0}/3'), (NULL), ('{}/3')",
        "INSERT INTO t (w) VALUES ('{1:1}/1'), ('{3:1,1:2}/4') RETURNING w",
        "INSERT INTO t (v) VALUES ('[1,2,3]')",
        "UPDATE t SET v = w",
        "UPDATE t SET v = '{2:5}/3' WHERE id = 3 RETURNING v",
        "ALTER TABLE t ALTER w TYPE sparsevec(4)",
        "ALTER TABLE t ALTER v TYPE sparsevec(4)",
        "ALTER TABLE t ALTER v TYPE sparsevec",
        "ALTER TABLE t ALTER v TYPE sparsevec(3)",
        "ALTER TABLE t ADD d sparsevec(2) DEFAULT '{1:1}/2'",
        "ALTER TABLE t ALTER d SET DEFAULT '{1:1}/3'",
        "INSERT INTO t (v) VALUES (NULL)",
        "SELECT * FROM t ORDER BY id",
        "SELECT attname, format_type(atttypid, atttypmod), attstorage FROM pg_attribute"
        " WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum",
        "CREATE INDEX t_g ON t USING gist (v)",
        "SELECT ARRAY['{1:1}/2','{}/3']::sparsevec[]",
        """SELECT '{"{1:1,2:2}/2",NULL}'::sparsevec[]""",
        """SELECT '{"{1:1}/2"}'::sparsevec(3)[]""",
        "SELECT ROW('{1:1,2:2}/2'::sparsevec, 1)",
        "SELECT to_json('{1:1,2:2}/2'::sparsevec), to_jsonb('{}/2'::sparsevec), quote_literal('{}/2'::sparsevec)",
        "SELECT sparsevec_out('{1:1.5}/2'), sparsevec_in(NULL, 0, -1), sparsevec_out(NULL)",
        "SELECT sparsevec_recv('x', 0, -1)",
        "SELECT '{1:1}/2'::sparsevec::text::varchar(3), '{1:1}/2'::varchar::sparsevec",
        "SELECT '{1:1}/2'::sparsevec::jsonb",
        "SELECT 1::sparsevec",
        "CREATE TABLE large (v sparsevec)",
        "INSERT INTO large SELECT ('{' || string_agg(i || ':' || i / 7.0, ',') || '}/' || n * 1000)::sparsevec"
        " FROM generate_series(1, 16000, 3000) n, generate_series(1, n) i GROUP BY n",
        "SELECT md5(v::text), md5(sparsevec_send(v)), pg_column_size(v) FROM large ORDER BY 3",
        "ALTER TABLE large ALTER v SET STORAGE extended",
        "UPDATE large SET v = v::text::sparsevec",
        "SELECT md5(v::text), md5(sparsevec_send(v)), md5(v::sparsevec::text) FROM large ORDER BY pg_column_size(v)",
    ]


def wire_values() -> list[bytes]:
    """Binary values, good and bad, for the receive function."""
    chance = random.Random(RANDOM + 1)
    nan, inf = float("nan"), float("inf")

    def value(dim, nnz, unused, indices, values, more=b""):
        return struct.pack(f">iii{len(indices)}i{len(values)}f", dim, nnz, unused, *indices, *values) + more

    def good(dim, n):
        return value(dim, n, 0, sorted(chance.sample(range(dim), k=n)), [chance.choice([-1, 1]) * chance.uniform(0.1, 1) for _ in range(n)])

    two = value(5, 2, 0, (0, 2), (0.5, 2))
    found = [good(dim, n) for dim, n in ((1, 0), (1, 1), (5, 0), (5, 2), (5, 5), (10**9, 100), (16000, 16000), (10**9, 16000))]
    found += [value(3, 3, 0, (0, 1, 2), (1e-45, 3.4028235e38, -1)), value(10**9, 1, 0, (10**9 - 1,), (1,))]
    found += [value(d, n, u, (), ()) for d in (0, -1, -(2**31), 10**9 + 1, 2**31 - 1) for n, u in ((0, 0), (-1, 7))]
    found += [value(5, n, u, (), ()) for n in (-1, -(2**31), 6, 16001, 2**31 - 1) for u in (0, 7)]
    found += [value(20000, n, 0, range(n), [1] * n) for n in (16000, 16001)]
    found += [value(5, 1, u, (0,), (1,)) for u in (1, -1, 2**31 - 1, -(2**31))]
    found += [value(5, 2, 0, i, (1, 1)) for i in ((2, 0), (2, 2), (2, 5), (2, -1), (5, 5), (-1, 0), (5, 0), (2**31 - 1, 0), (1, -(2**31)))]
    found += [value(5, 2, 0, (0, 2), v) for v in ((1, 0), (0, 1), (-0.0, 1), (nan, 0), (0, nan), (1, nan), (1, inf), (-inf, 0), (nan, inf))]
    found += [value(5, 2, 0, (0, 7), (nan, 0)), value(5, 2, 0, (9,), ()), value(5, 2, 0, (0, 1), (0,)), value(5, 2, 0, (0, 1), (nan,))]
    found += [two[:n] for n in range(len(two))] + [two + more for more in (b"\0", b"\0\0\0\0", two)]
    for _ in range(300):
        dim, nnz = chance.randint(-1, 6), chance.randint(-1, 5)
        indices = [chance.randint(-1, 6) for _ in range(max(nnz, 0))]
        if chance.random() < 0.7:
            indices = sorted(set(indices))
        values = [chance.choice([1, 2, -1, 0.5, 0, nan, inf][: chance.choice([4, 4, 7])]) for _ in indices]
        found.append(value(dim, nnz, chance.choice([0, 0, 0, 0, 1]), indices, values, b"\0" * chance.choice([0, 0, 0, 3, 4])))
        found.append(struct.pack(">iii", 5, chance.randint(0, 3), 0) + bytes(chance.choices(range(256), k=chance.randint(0, 24))))
    return found


def sparsevec(elements: dict, dim: int) -> str:
    """A sparse vector as an SQL expression."""
    return literal(sparse(elements, dim)) + "::sparsevec"


def pairs(chance: random.Random) -> list[tuple[str, str]]:
    """Pairs of sparse vectors that say something about distances and order."""
    edges = ["{}/1", "{1:1}/1", "{}/3", "{1:1}/3", "{2:1}/3", "{3:-1}/3", "{1:1,3:2}/3", "{1:-1,2:1,3:0.5}/3", "{3:3e38}/3", "{3:-3e38}/3"]
    edges += ["{1:1e-45}/3", "{2:1e-30,3:1e20}/3", "{3:-1}/4", "{4:-1}/4", "{4:1}/4", "{1:1}/4", "{1:1,4:-1}/4", "{}/4", "{}/1000000000"]
    edges += ["{1000000000:1}/1000000000", "{1:1.1,2:1.1}/2", "{1:1,2:1}/2", "{1:-1.1,2:-1.1}/2"]
    edges = [literal(e) + "::sparsevec" for e in edges]
    found = [(a, b) for a in edges for b in edges]
    for dim in (1, 2, 5, 8, 100, 1000, 30_000, 10**9):
        for most in (3, 20, 200):
            for _ in range(3):
                both = [sorted(chance.sample(range(1, min(dim, 4 * most) + 1), k=chance.randint(0, min(dim, most)))) for _ in "ab"]
                found.append(tuple(sparsevec({i: f"{chance.uniform(-1, 1):.9g}" for i in each}, dim) for each in both))
                found.append(tuple(sparsevec({i: chance.choice([-2, -1, 1, 2]) for i in each}, dim) for each in both))
    return found


def is_integral(pair: tuple[str, str]) -> bool:
    """Whether every sum over the pair is exact, in any order."""
    return not any(c in text for text in pair for c in ".e")


def distances() -> list[str]:
    """Every distance, as function and operator, for every pair."""
    return _distances(pairs(random.Random(RANDOM + 3)))


def integral_distances() -> list[str]:
    """The same for pairs of integers so small that every sum is exact."""
    return _distances(filter(is_integral, pairs(random.Random(RANDOM + 3))))


def _distances(some) -> list[str]:
    functions = ["l2_distance", "inner_product", "cosine_distance", "l1_distance", "sparsevec_l2_squared_distance", "sparsevec_negative_inner_product"]
    columns = ", ".join([f"{f}(a, b)" for f in functions] + [f"a {o} b" for o in ("<->", "<#>", "<=>", "<+>")])
    return [f"SELECT {columns} FROM (SELECT {a} a, {b} b) x" for a, b in some]


def norms() -> list[str]:
    """Norms and normalized vectors, whose last digit may differ."""
    return [f"SELECT l2_norm(v), l2_normalize(v)::vector::real[] FROM (SELECT {a} v) x" for a in some() if "30000" not in a and "1000000000" not in a]


def integral_norms() -> list[str]:
    """Those that are exact, and vectors of which normalizing leaves less."""
    edges = [literal(t) + "::sparsevec" for t in ("{1:3,5:4}/9", "{1:3e38,2:1e-10}/2", "{1:1e-45}/2", "{1:1e-45,2:3e38,3:1}/3")]
    edges += [a for a in some() if is_integral((a, ""))]
    return [f"SELECT l2_norm(v), l2_normalize(v), sparsevec_send(l2_normalize(v)) FROM (SELECT {v} v) x" for v in edges]


def some() -> list[str]:
    """Sparse vectors, none of them twice."""
    return list(dict.fromkeys(a for a, _ in pairs(random.Random(RANDOM + 4))))


def comparisons() -> list[str]:
    """Order, by functions, operators, sorting, grouping and indexes."""
    chance = random.Random(RANDOM + 5)
    operators = {"<": "lt", "<=": "le", "=": "eq", "<>": "ne", ">=": "ge", ">": "gt"}
    columns = [f"a {o} b" for o in operators] + [f"sparsevec_{f}(a, b)" for f in operators.values()] + ["sparsevec_cmp(a, b)"]
    cases = [f"SELECT {', '.join(columns)} FROM (SELECT {a} a, {b} b) x" for a, b in pairs(chance)]
    some = [sparsevec({i: chance.choice([-1, 1, 2]) for i in sorted(chance.sample(range(1, d + 1), k=chance.randint(0, d)))}, d)
            for d in (chance.randint(1, 4) for _ in range(80))]
    rows = f"(VALUES {', '.join(f'({i}, {v})' for i, v in enumerate(some))}, (-1, NULL)) t(i, v)"
    cases += [f"SELECT i FROM {rows} ORDER BY v, i", f"SELECT i FROM {rows} ORDER BY v DESC NULLS LAST, i"]
    cases += [f"SELECT v, count(*), min(i) FROM {rows} GROUP BY v ORDER BY v, 3", f"SELECT count(DISTINCT v) FROM {rows}"]
    cases += [f"SELECT i FROM {rows} WHERE v IN ('{{}}/2', '{{1:1}}/2') ORDER BY 1", f"SELECT min(v) FROM {rows}"]
    cases += [f"CREATE TABLE sorted AS SELECT * FROM {rows}", "CREATE INDEX sorted_v ON sorted (v)", "SET enable_seqscan = off; SET enable_bitmapscan = off"]
    cases += ["EXPLAIN (COSTS off) SELECT i FROM sorted WHERE v > '{1:1}/2' ORDER BY v", "SELECT v FROM sorted WHERE v > '{1:1}/2' ORDER BY v"]
    cases += ["SELECT count(*) FROM sorted a JOIN sorted b ON a.v = b.v", "CREATE UNIQUE INDEX sorted_u ON sorted (v)", "CREATE INDEX sorted_h ON sorted USING hash (v)"]
    return cases


def casts() -> list[str]:
    """Casts from arrays, from and to the other types, explicit and by assignment."""
    types = ("integer", "real", "double precision", "numeric")
    arrays = ["{1,0,3}", "{0}", "{0,0,-0}", "{}", "{NULL}", "{1,NULL}", "{{1,0}}", "{{1},{2}}", "[0:1]={1,0}", "{-5,0,7}"]
    cases = [f"SELECT '{a}'::{t}[]::sparsevec" for t in types for a in arrays]
    cases += [f"SELECT '{{1,0,3}}'::{t}[]::sparsevec({n})" for t in types for n in (2, 3)]
    cases += [f"SELECT array_to_sparsevec('{{1,0}}'::{t}[], {m}, true)" for t in types for m in (-1, 2, 3, 0)]
    cases += [f"SELECT (array_fill(1, ARRAY[{n}]) || array_fill(0, ARRAY[9]))::{t}[]::sparsevec::text LIKE '{{1:1,%'" for t in types for n in (16000, 16001)]
    cases += [f"SELECT array_fill(0, ARRAY[20000])::{t}[]::sparsevec" for t in types]
    cases += [f"SELECT '{{{v}}}'::{t}[]::sparsevec" for t in types[1:] for v in ("NaN", "Infinity", "0,-Infinity", "1e39", "1e-46", "1e-46,1e-45", "-1e-50,1", "1.5,0,-2.25")]
    cases += [f"SELECT '{{{v}}}'::numeric[]::sparsevec" for v in ("1e1000", "1e-1000", "0.1234567890123456789")]
    cases += [f"SELECT '{v}'::{t}::sparsevec{m}" for t in ("vector", "halfvec") for v in ("[0]", "[-0,1]", "[0,1.5,0,-2,0]", "[1e-8,3]") for m in ("", "(2)", "(5)")]
    cases += [f"SELECT '{v}'::sparsevec::{t}{m}" for t in ("vector", "halfvec")
              for v in ("{}/1", "{2:1.5,4:-2}/5", "{1:65504,2:65519}/2", "{2:65520}/2", "{1:-1e6,2:1}/2", "{1:3e38}/1", "{1:1e-8,3:6e-8}/3", "{1:1}/16000", "{1:1}/16001", "{}/1000000000")
              for m in ("", "(2)", "(5)")]
    cases += [f"SELECT {a}_to_{b}('{v}'::{a}, {m}, false)" for a, b, v in (
        ("vector", "halfvec", "[1,2.0004]"), ("halfvec", "vector", "[0.1,2]"), ("vector", "sparsevec", "[0,2]"), ("halfvec", "sparsevec", "[0,2]"),
        ("sparsevec", "vector", "{2:1}/2"), ("sparsevec", "halfvec", "{2:0.1}/2")) for m in (-1, 2, 3, 0)]
    cases += [f"SELECT '{v}'::vector::halfvec{m}" for v in ("[0.1,65504]", "[65519.9,1]", "[65520]", "[1,-123456]", "[1e6]", "[3.4e38]", "[1e-8]", "[16777216]", "[1e15,1]") for m in ("", "(2)")]
    cases += [f"SELECT '{v}'::halfvec::vector{m}" for v in ("[0.1,65504]", "[1e-8]", "[6e-8,-0]") for m in ("", "(2)")]
    cases += [f"SELECT {e}" for e in (
        "'{1:1}/2'::sparsevec::real[]", "'{1:1}/2'::sparsevec::integer[]", "'{1}'::bigint[]::sparsevec", "'{1:1}/2'::sparsevec::text", "'{1:1}/2'::text::sparsevec",
        "'[1,2]'::vector = '[1,2]'::halfvec", "'[1,2]'::halfvec <-> '[1,2]'::vector", "'[1,0]'::vector <-> '{1:1}/2'::sparsevec", "'{1:1}/2'::sparsevec <-> '[1,0]'::halfvec",
        "'[1]'::halfvec || '[2]'::vector", "'[1]'::vector + '[2]'::halfvec", "'[1]'::halfvec = ARRAY[1]", "l2_distance('[1]'::vector, '[2]'::halfvec)",
        "inner_product('[1]'::halfvec, '{1:1}/1'::sparsevec)", "cosine_distance('[1]', '[2]')", "l1_distance('[1]'::vector, '{1:1}/1'::sparsevec)",
        "vector_norm('[3,4]'::halfvec)", "l2_norm('[3,4]'::vector)", "vector_dims('{1:1}/1'::sparsevec)", "l2_normalize('[3,4]')", "avg('{1:1}/1'::sparsevec)", "sum('{1:1}/1'::sparsevec)",
    )]
    cases += [
        "CREATE TABLE mixed (i serial, v vector(3), h halfvec(3), s sparsevec(3), r real[])",
        "INSERT INTO mixed (v, h, s) VALUES (ARRAY[1,0,2], ARRAY[1,0,2.5], ARRAY[0,0,0.1])",
        "INSERT INTO mixed (v, h, s) SELECT h, s, v FROM mixed RETURNING v, h, s",
        "INSERT INTO mixed (v, h, s) SELECT s, v, h FROM mixed RETURNING v, h, s",
        "INSERT INTO mixed (r) SELECT h FROM mixed RETURNING r",
        "INSERT INTO mixed (r) SELECT s FROM mixed",
        "UPDATE mixed SET h = '[1,2,70000]'::vector",
        "ALTER TABLE mixed ALTER v TYPE halfvec(3), ALTER h TYPE sparsevec(3), ALTER s TYPE vector(3)",
        "ALTER TABLE mixed ALTER v TYPE sparsevec(4)",
        "SELECT * FROM mixed ORDER BY i",
    ]
    return cases


def misuse() -> list[str]:
    """What the parser or the executor answers where there is no such function, or a NULL."""
    cases = [f"SELECT {f}('{{1:1}}/1'::sparsevec)" for f in ("vector_norm", "avg", "max", "subvector", "binary_quantize", "abs", "sparsevec_in")]
    cases += [f"SELECT '{{1:1}}/1'::sparsevec {op} '{{1:1}}/1'::sparsevec" for op in ("+", "-", "*", "||", "/", "<~>", "<%>")]
    cases += [f"SELECT NULL::sparsevec {op} '{{1:1}}/1'::sparsevec" for op in ("<->", "<#>", "<=>", "<+>", "<", "=", "<>")]
    cases += [f"SELECT {f}(NULL)" for f in ("l2_norm", "l2_normalize", "sparsevec_out", "sparsevec_send")]
    cases += ["SELECT '{1:1}/1'::sparsevec <-> '{1:1}/1'", "SELECT l2_distance('{1:1}/1', '{1:1}/1')", "SELECT '{1:1}/1'::sparsevec <-> '[1]'", "SELECT l2_norm('{1:3}/4')"]
    return cases
