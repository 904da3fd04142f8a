"""Expressions over `vector` that Conifer and pgvector must answer alike; random ones are always the same.

`halved` makes the same of `halfvec`, at whose edges some of the values lie.
"""

import random
import re
import struct

RANDOM = 20_250_701
DIMENSIONS = (1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 29, 30, 31, 33, 64, 100, 127, 384, 1536, 16000)

ACCEPTED = """
[1,2,3]|[1]|[-1]|[+1]|[0]|[-0]|[+0.0]|[1.5]|[.5]|[5.]|[-.5]|[1e3]|[1E3]|[1e+3]|[1e-3]|[1.e3]|[.1e1]
[ 1 , 2 ]|  [1]|[1]  |[ 1]|[1 ]|[1,2 ,3 ]
[00012]|[0.1,0.2,0.3]|[3.4028235e38]|[-3.4028235e38]|[3.40282347e+38]|[3.4028235677973365e38]
[1.17549435e-38]|[1e-45]|[1e-46]|[7.1e-46]|[1e-400]|[-1e-400]|[1.401298464324817e-45]
[16777217]|[16777219]|[9007199254740993]|[123456789012345678901234567890]|[0.1234567890123456789012345678901234567]
[0.000000000000000000000000000000000000001]|[1000000000000000000000000000000000000000e-3]
[1.00000017881393432617187499]|[1.00000017881393432617187500]|[1.00000017881393432617187501]
[65504]|[65519.99]|[65519.999999999999]|[-65504.5]|[6e-8]|[5.9604645e-08]|[2.98e-8]|[2.9802322e-08]|[2.9802323e-8]|[6.1e-5,6.09e-5]
[0.1,1.0004883,1.0004882,1.0009766,2049,2051,4098,1234.5678]
[0x10]|[0X1.8p1]|[0x.8]|[0x1p-149]|[0x1p-150]|[0x3p-150]|[0x1.fffffep127]|[-0xffp-4]|[0x1000001]|[0x1000003]
""".strip().replace("\n", "|").split("|")

REFUSED = """
[]|[ ]|[|[ |]||  |1|1,2|hello|{1,2}|(1,2)|[1|[1,|[1,2|[1,]|[,1]|[,]|[1,,2]|[1 2]|[1;2]|[[1]]|[[1]|[1]]|[1][2]|[1] x|[1]x|[1],
[a]|[1a]|[1,a]|[a,1]|[1.2.3]|[1e]|[1e+]|[1ee5]|[--1]|[+-1]|[- 1]|[-]|[+]|[.]|[-.]|[e5]|[0x]|[0xg]|[0x1p]|[1_000]|[1f]|[true]|[null]|["1"]|[é]|[１]
[nan]|[NaN]|[NAN]|[-nan]|[+NaN]|[nan(1)]|[nan(]|[nanx]|[1,NaN]|[na]
[inf]|[Inf]|[-inf]|[+INF]|[infinity]|[-Infinity]|[infinit]|[infx]|[1,2,inf]|[in]
[1e39]|[-1e39]|[ 1e39 ]|[1,1e400]|[3.4028236e38]|[3.4028235677973366e38]|[1e999999999999999999]|[0x1p128]|[0x1.ffffffp127]
[65520]|[65536]|[-65520]|[1,65519.9999999999999999999]|[100000,junk|[ 1e6 ]
[4e38, junk|[junk, 4e38]|[1e39|[NaN|[inf,|[1,2,3]]|[1'',2]
""".strip().replace("\n", "|").split("|")

WHITE_SPACE = [r"E'\t[1]'", r"E'[\n1\r,\f2\x0b]\t'", r"E'[1\u00a0]'", r"E'\u00a0[1]'", r"E'[1]\b'", r"E'[1]\n.'"]


def halved(statement: str) -> str:
    """The statement with `halfvec` for `vector`, whose norm has another name."""
    statement = statement.replace("vector_norm", "l2_norm").replace("array_to_vector", "array_to_halfvec")
    return re.sub(r"\bvector(?!_dims)(?=_|\b)", "halfvec", statement)


def literal(text: str) -> str:
    """`text` as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def numbers(chance: random.Random, n: int) -> list[float]:
    """`n` numbers between -1 and 1, as embeddings have them."""
    return [chance.uniform(-1, 1) for _ in range(n)]


def vector(elements) -> str:
    """A vector of these elements as an SQL expression."""
    return literal("[" + ",".join(f"{x:.9g}" for x in elements) + "]") + "::vector"


def number_texts(chance: random.Random, n: int) -> list[str]:
    """`n` decimal numbers in many ways of writing, some close to half-way between two float4."""
    texts = []
    for i in range(n):
        digits = "".join(chance.choices("0123456789", k=chance.randint(1, 25)))
        point = chance.randint(0, len(digits))
        exponent = chance.choice(["", f"e{chance.randint(-50, 38 - point)}", f"E+{chance.randint(0, 12)}"])
        texts.append(chance.choice(["", "-", "+"]) + digits[:point] + "." + digits[point:] + exponent)
        (x,) = struct.unpack("f", struct.pack("f", chance.uniform(-3, 3) * 10 ** chance.randint(-30, 30)))
        (bits,) = struct.unpack("I", struct.pack("f", x))
        (following,) = struct.unpack("f", struct.pack("I", bits + 1))
        texts.append(f"{(x + following) / 2:.{chance.randint(8, 40)}e}")
    return texts


def inputs() -> list[str]:
    """Text input, good and bad."""
    chance = random.Random(RANDOM)
    good = [literal(t) for t in ACCEPTED + ["[" + ",".join(number_texts(chance, 20)) + "]" for _ in range(20)]]
    for _ in range(20):
        small = [chance.gauss(0, 1) * 10 ** chance.randint(-9, 4) for _ in range(20)]
        good.append(literal("[" + ",".join(f"{x:.{chance.randint(1, 12)}g}" for x in small) + "]"))
    bad = [literal(t) for t in REFUSED]
    many = ["'[' || repeat('1,', {}) || '1]'".format(n) for n in (15999, 16000)]
    many.append("'[' || repeat('1,', 16000) || 'junk'")
    soup = ["".join(chance.choices("[],0123456789.eE+- xnaif", k=chance.randint(1, 12))) for _ in range(200)]
    soup += ["[" + "".join(chance.choices("0123456789.,e- ", k=chance.randint(1, 10))) + "]" for _ in range(200)]
    soup = [literal(t) for t in soup]
    return [f"SELECT ({t})::text::vector" for t in good + bad + WHITE_SPACE + many + soup]


def modifiers() -> list[str]:
    """Type modifiers and casts to a number of dimensions."""
    mods = ["(1)", "(2)", "(3)", "(16000)", "(0)", "(-1)", "(16001)", "(1,2)", "(99999999999)", "('2')", "('x')", "()"]
    cases = [f"SELECT '[1,2]'::vector{m}" for m in mods]
    cases += [f"SELECT NULL::vector{m}" for m in mods]
    cases += ["SELECT '[1,2]'::vector::vector(2)", "SELECT '[1,2]'::vector::vector(3)", "SELECT '[1,2]'::vector(2)::vector"]
    cases += [f"SELECT vector('[1,2]'::vector, {t}, {e})" for t in (-1, 1, 2, 0, -2) for e in ("true", "false")]
    cases += ["SELECT vector_typmod_in({})".format(a) for a in ("'{3}'", "'{}'", "'{3,4}'", "'{NULL}'", "'{{3}}'", "'{x}'", "'{-7}'")]
    cases += [f"SELECT format_type('vector'::regtype, {t})" for t in (-1, 3, 16000)]
    return cases


def casts() -> list[str]:
    """Casts from and to arrays, explicit and by assignment."""
    types = ("integer", "real", "double precision", "numeric")
    arrays = ["{1,2,3}", "{}", "{NULL}", "{1,NULL}", "{{1,2}}", "{{1},{2}}", "[0:1]={1,2}", "{-5,0,7}"]
    cases = [f"SELECT '{a}'::{t}[]::vector" for t in types for a in arrays]
    cases += [f"SELECT '{{1,2,3}}'::{t}[]::vector(3)" for t in types]
    cases += [f"SELECT '{{1,2,3}}'::{t}[]::vector(2)" for t in types]
    cases += [f"SELECT array_to_vector('{{1,2}}'::{t}[], {m}, true)" for t in types for m in (-1, 2, 3, 0)]
    cases += [f"SELECT array_fill(1, ARRAY[{n}])::{t}[]::vector::text = '['" for t in types for n in (16000, 16001)]
    cases += [f"SELECT (ARRAY[1,NULL,3])[1:1]::{t}[]::vector" for t in types]
    cases += [f"SELECT '{{{v}}}'::{t}[]::vector" for t in types[1:] for v in ("NaN", "Infinity", "-Infinity", "1e39", "-1e39", "1e-46", "1.5,-2.25")]
    large = ("65504", "65519", "65520", "-65520", "100000", "1234567", "16777217", "33554434", "2147483647")
    cases += [f"SELECT '{{1,{v}}}'::{t}[]::vector" for t in types for v in large]
    cases += [f"SELECT '{{{v}}}'::{t}[]::vector" for t in types[1:] for v in ("65519.99", "65519.997", "1e20", "6e-8,2e-8", "NaN,1e5", "1e5,NaN")]
    cases += ["SELECT '{2147483647,-2147483648,16777217}'::integer[]::vector", "SELECT ARRAY[0.1,0.2]::vector"]
    cases += [f"SELECT '{{{v}}}'::numeric[]::vector" for v in ("1e1000", "0.1234567890123456789", "1e-1000", "16777217.0000000001")]
    cases += ["SELECT '[1,2.5]'::vector::real[]", "SELECT vector_to_float4('[1,2]'::vector, -1, true)", "SELECT '[1]'::vector::real[] = '{1}'"]
    cases += [f"SELECT '[1]'::vector::{t}" for t in ("integer[]", "double precision[]", "numeric[]", "text", "varchar(3)", "jsonb", "bytea")]
    cases += [f"SELECT {e}::vector" for e in ("1", "'{1}'::bigint[]", "'{1}'::text[]", "'[1]'::text", "'[1]'::jsonb", "ARRAY['1']")]
    cases += ["SELECT array_to_vector('[1]'::vector, -1, true)", "SELECT array_length('[1,2,3]'::vector, 1)", "SELECT '[1]'::vector || '{2}'::real[]"]
    return cases


def pairs(chance: random.Random) -> list[tuple[str, str]]:
    """Pairs of vectors that say something about distances and arithmetic."""
    edges = ["[0]", "[1]", "[-1]", "[3e38]", "[-3e38]", "[1e-38]", "[1e-45]", "[0,0]", "[1,0]", "[0,1]", "[3e38,3e38]"]
    edges += ["[1e19,1]", "[1e20,1]", "[1e-20,0]", "[1e-30,1e-30]", "[1,2]", "[1,2,3]", "[-0]", "[3,4]", "[0,0,0]", "[1,1,1]"]
    edges += ["[65504]", "[-65504]", "[256]", "[6e-8]", "[1e-4]", "[65504,16]", "[300,6e-8]"]
    edges = [f"'{e}'::vector" for e in edges]
    found = [(a, b) for a in edges for b in edges]
    for dim in DIMENSIONS:
        found += [(vector(numbers(chance, dim)), vector(numbers(chance, dim))) for _ in range(3 if dim < 2000 else 1)]
        found.append((vector(chance.choices(range(-9, 10), k=dim)), vector(chance.choices(range(-9, 10), k=dim))))
    return found


def distances() -> list[str]:
    """Every distance, as function and operator, for every pair."""
    return _distances(pairs(random.Random(RANDOM + 1)))


def integral_distances() -> list[str]:
    """The same for pairs of integers so small that every sum is exact."""
    chance = random.Random(RANDOM + 8)
    small = [(a, b) for a in ("[0]", "[-0]", "[1]", "[-2]") for b in ("[0]", "[-0]", "[3]")]
    small += [("[0,0]", "[0,0]"), ("[-0,-0,-0]", "[0,0,0]"), ("[0,0,0]", "[1,1,1]"), ("[3,4]", "[6,8]"), ("[3,4]", "[-3,-4]")]
    integers = [tuple(vector(chance.choices(range(-9, 10), k=dim)) for _ in "ab") for dim in DIMENSIONS for _ in range(5)]
    return _distances([(f"'{a}'::vector", f"'{b}'::vector") for a, b in small] + integers)


def _distances(some) -> list[str]:
    functions = ["l2_distance", "inner_product", "cosine_distance", "l1_distance", "vector_l2_squared_distance"]
    functions += ["vector_negative_inner_product", "vector_spherical_distance"]
    columns = ", ".join([f"{f}(a, b)" for f in functions] + [f"a {o} b" for o in ("<->", "<#>", "<=>", "<+>")])
    return [f"SELECT {columns} FROM (SELECT {a} a, {b} b) x" for a, b in some]


def arithmetic() -> list[str]:
    """Every operation that makes vectors or looks into them, for every pair."""
    cases = []
    for a, b in pairs(random.Random(RANDOM + 2)):
        cases += [f"SELECT {a} {op} {b}" for op in ("+", "-", "*", "||")]
    for a, _ in pairs(random.Random(RANDOM + 3))[::7]:
        cases += [f"SELECT vector_dims({a}), binary_quantize({a}), vector_send({a}), {a}::real[]"]
    for f in ("vector_add", "vector_sub", "vector_mul", "vector_concat"):
        cases += [f"SELECT {f}('[1,2]', '[3,4]')", f"SELECT {f}('[1]', NULL)"]
    for start in (-2147483648, -1, 0, 1, 2, 3, 4, 2147483647):
        cases += [f"SELECT subvector('[1,2,3]'::vector, {start}, {n})" for n in (-1, 0, 1, 2, 3, 4, 5, 2147483647, -2147483648)]
    return cases


def norms() -> list[str]:
    """Norms and normalized vectors, whose last digit may differ."""
    return [f"SELECT vector_norm({a}), l2_normalize({a})::real[]" for a, _ in pairs(random.Random(RANDOM + 4))[::3]]


def comparisons() -> list[str]:
    """Order of vectors, by functions, operators, sorting and grouping."""
    chance = random.Random(RANDOM + 5)
    operators = {"<": "lt", "<=": "le", "=": "eq", "<>": "ne", ">=": "ge", ">": "gt"}
    columns = [f"a {o} b" for o in operators] + [f"vector_{f}(a, b)" for f in operators.values()] + ["vector_cmp(a, b)"]
    some = [vector(chance.choices((-1, 0, 1), k=chance.randint(1, 4))) for _ in range(60)] + ["'[-0]'::vector", "'[0]'::vector"]
    cases = [f"SELECT {', '.join(columns)} FROM (SELECT {a} a, {chance.choice(some)} b) x" for a in some]
    rows = f"(VALUES {', '.join(f'({i}, {v})' for i, v in enumerate(some))}, (-1, NULL)) t(i, v)"
    cases += [f"SELECT i FROM {rows} ORDER BY v, i", f"SELECT i FROM {rows} ORDER BY v DESC NULLS LAST, i"]
    cases += [f"SELECT v, count(*), min(i) FROM {rows} GROUP BY v ORDER BY v, 3", f"SELECT count(DISTINCT v) FROM {rows}"]
    cases += [f"SELECT min(v) FROM {rows}", f"SELECT i FROM {rows} WHERE v IN ('[1]', '[0,1]') ORDER BY 1", f"SELECT DISTINCT v FROM {rows} ORDER BY 1"]
    cases += [f"SELECT greatest({some[0]}, {some[1]}), least({some[0]}, {some[1]}), nullif({some[0]}, {some[0]})"]
    cases += [f"SELECT ARRAY[{some[0]}, {some[1]}] < ARRAY[{some[1]}], ({some[0]}, 1) = ({some[0]}, 1), {some[0]} = ANY(ARRAY[{some[0]}])"]
    cases += ["SELECT ARRAY['[1,2]','[3]']::vector[]", "SELECT '{\"[1,2]\",NULL}'::vector[]", "SELECT '{\"[1,2]\"}'::vector(3)[]"]
    return cases


def aggregates() -> list[str]:
    """avg and sum: values, NULLs, groups, windows, errors; and their functions called by hand."""
    chance = random.Random(RANDOM + 6)
    cases = []
    for rows in (
        "('[1,2]'),('[3,5]')", "('[1]'),(NULL),('[4]')", "(NULL)", "('[1,2]'),('[3]')", "('[3]'),('[1,2]')",
        "('[3e38]'),('[3e38]')", "('[-3e38]'),('[-3e38]'),('[1]')", "('[1e-45]'),('[0]')", "('[65504]'),('[16]')", "('[65504]'),('[15]')", "('[6e-8]'),('[0]')", "('[0]'),('[-0]')", "('[-0]')",
    ):
        cases += [f"SELECT {f}(v::vector) FROM (VALUES {rows}) t(v)" for f in ("avg", "sum")]
        cases += [f"SELECT {f}(v::vector) OVER (ORDER BY i) FROM (SELECT row_number() OVER () i, v FROM (VALUES {rows}) t(v)) t" for f in ("avg", "sum")]
    for f in ("avg", "sum"):
        cases += [f"SELECT {f}(v) FROM (SELECT '[1]'::vector v WHERE false) t", f"SELECT {f}(NULL::vector)"]
        cases += [f"SELECT {f}(DISTINCT v) FROM (VALUES ('[1]'::vector),('[1]'),('[4]')) t(v)"]
        cases += [f"SELECT {f}(v) FILTER (WHERE i > 1) FROM (VALUES (1, '[1]'::vector),(2, '[4]')) t(i, v)", f"SELECT {f}('{{1}}'::real[])"]
        for dim in (1, 3, 40, 1536):
            rows = ", ".join(f"({i % 3}, {vector(numbers(chance, dim))})" for i in range(20))
            cases += [f"SELECT g, {f}(v) FROM (VALUES {rows}) t(g, v) GROUP BY g ORDER BY g"]
            cases += [f"SELECT g, {f}(v) OVER (PARTITION BY g ORDER BY v ROWS 2 PRECEDING) FROM (VALUES {rows}) t(g, v) ORDER BY g, v"]
    states = ["{0}", "{1,2}", "{2,4,6}", "{0,1}", "{0,1,2}", "{}", "{NULL}", "{{1,2}}", "{1}", "{1,NULL}", "{1,1e308}", "{-1,1}", "{NaN,1}", "{1,NaN}", "{1e-300,1e300}", "{1,65519}", "{1,65520}", "{2,1e5,2e5}", "{1,1,-2e6}", "{1,1e39}", "[0:0]={0}", "[5:6]={1,2}", "{{0}}", "{0,NULL}", "{0,Infinity}", "{Infinity,1}", "{NaN}"]
    cases += [f"SELECT vector_accum('{s}', '{v}')" for s in states for v in ("[1]", "[1,2]")]
    cases += [f"SELECT vector_combine('{s}', '{t}')" for s in states for t in states]
    cases += [f"SELECT vector_avg('{s}')" for s in states]
    cases += ["SELECT vector_accum('{1,1.7e308}', '[1]')", "SELECT vector_combine('{1,1.7e308}', '{1,1.7e308}')"]
    cases += ["SELECT vector_avg(array_fill(1::float8, ARRAY[16002]))", "SELECT vector_avg(array_fill(1::float8, ARRAY[16001]))::real[]"]
    return cases


def misuse() -> list[str]:
    """What the parser, the planner or the executor answers where there is no such function or cast."""
    cases = [f"SELECT {f}('[1]'::vector)" for f in ("l2_norm", "vector_norm", "vector_in", "vector_recv", "avg", "vector_nothing", "upper", "abs")]
    cases += [f"SELECT {f}(NULL)" for f in ("vector_norm", "vector_dims", "vector_send", "vector_out", "vector_avg")]
    cases += [f"SELECT NULL::vector {op} '[1]'::vector" for op in ("<->", "<#>", "<=>", "<+>", "+", "-", "*", "||", "<", "=", "<>")]
    cases += ["SELECT '[1]'::vector <-> '{1}'::real[]", "SELECT '[1]'::vector <-> '[1]'", "SELECT '[1]' <-> '[1]'::vector", "SELECT '[1]'::vector / '[1]'::vector"]
    cases += ["SELECT '[1]'::vector <-> ARRAY[1]", "SELECT -('[1]'::vector)", "SELECT max('[1]'::vector)", "SELECT vector_recv('x', 0, -1)", "SELECT vector_in('[1]', 0, -1)"]
    cases += ["SELECT vector_in('[1]', 0, 2)", "SELECT vector_out('[1.5]')", "SELECT to_json('[1]'::vector), to_jsonb('[1,2]'::vector)", "SELECT quote_literal('[1]'::vector)"]
    return cases


def wire_values(element: str) -> list[bytes]:
    """Binary values, good and bad, for the receive function; `element` is struct's letter of its type."""
    chance = random.Random(RANDOM + 7)
    size = struct.calcsize(element)
    largest = {"f": 3.4028235e38, "e": 65504}[element]

    def value(dim, unused, elements, more=b""):
        return struct.pack(f">hh{len(elements)}{element}", dim, unused, *elements) + more

    values = [value(n, 0, numbers(chance, n)) for n in (1, 2, 3, 29, 30, 100, 384, 16000)]
    values += [value(3, 0, (0.0, -0.0, 1e-45)), value(1, 0, (largest,))]
    values += [value(0, 0, ()), value(-1, 0, (1,)), value(16001, 0, ()), value(32767, 0, (1,)), value(2, 1, (1, 2)), value(2, -1, (1, 2))]
    values += [value(3, 0, (1, 2)), value(1, 0, ()), value(2, 0, (1,), b"\0" * (size - 1)), value(1, 0, (1,), b"\0"), value(1, 0, (1, 2)), b"", b"\0", b"\0\1\0"]
    values += [value(2, 0, (1, x)) for x in (float("nan"), float("inf"), float("-inf"))] + [value(3, 0, (float("nan"),))]
    for _ in range(150):
        dim = chance.randint(-1, 6)
        body = bytes(chance.choices(range(256), k=chance.choice([size * max(dim, 0), chance.randint(0, 24)])))
        values.append(struct.pack(">hh", dim, chance.choice([0, 0, 0, 0, 1])) + body)
    return values
