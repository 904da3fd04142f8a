"""Expressions over `sparsevec` that Conifer and pgvector must answer alike; random ones are always the same."""

import random
import struct

from vector_cases import literal, number_texts

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
