"""Expressions over `bit` that Conifer and pgvector must answer alike; random ones are always the same."""

import random
import struct

RANDOM = 20_250_703
LENGTHS = (1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 100, 127, 128, 256, 1000, 1024, 1536, 16000, 64000)


def bits(chance: random.Random, n: int, ones: float) -> str:
    """`n` bits as an SQL expression, of which a share are 1."""
    return "B'" + "".join("1" if chance.random() < ones else "0" for _ in range(n)) + "'"


def distances() -> list[str]:
    """Both distances, as function and operator."""
    chance = random.Random(RANDOM)
    some = [("B''", "B''"), ("B'0'", "B'0'"), ("B'1'", "B'1'"), ("B'10'", "B'01'"), ("B'1'", "B'10'"), ("B''", "B'1'"), ("B'111'", "B'110'::bit(3)")]
    for n in LENGTHS:
        some += [(bits(chance, n, p), bits(chance, n, q)) for p, q in ((0.5, 0.5), (0.05, 0.9), (0, 0), (1, 1), (0, 0.5))]
    columns = "hamming_distance(a, b), jaccard_distance(a, b), a <~> b, a <%> b"
    cases = [f"SELECT {columns} FROM (SELECT {a} a, {b} b) x" for a, b in some]
    cases += [f"SELECT {e}" for e in (
        "B'1' <~> NULL", "NULL::bit <%> B'1'", "B'1' <~> '1'", "'10' <%> B'11'", "B'1' <~> B'1'::varbit", "'1'::varbit(3) <%> '1'::varbit(2)",
        "hamming_distance('1', '0')", "hamming_distance(1::bit, 0::bit)", "jaccard_distance('12', '0')", "B'1' <~> '[1]'::vector", "B'1' <-> B'1'",
    )]
    return cases


def quantized() -> list[str]:
    """Distances of quantized vectors."""
    chance = random.Random(RANDOM + 1)
    cases = []
    for n in (1, 8, 9, 100, 1536):
        a, b = (f"'{[round(chance.uniform(-1, 1), 3) for _ in range(n)]}'" for _ in "ab")
        for t in ("vector", "halfvec"):
            cases.append(f"SELECT binary_quantize({a}::{t}) <~> binary_quantize({b}::{t}), binary_quantize({a}::{t}) <%> binary_quantize({b}::{t})")
            cases.append(f"SELECT binary_quantize({a}::{t})::bit({n}), length(binary_quantize({a}::{t}))")
    cases += [f"SELECT binary_quantize({e})" for e in ("'[1]'", "NULL", "NULL::halfvec", "'{1:1}/2'::sparsevec", "'{1}'::real[]", "'[6e-8,-6e-8,2e-8,-0]'::halfvec")]
    return cases


def wire_values() -> list[bytes]:
    """Binary values, good and bad: lengths that lie, bits set beyond the last one."""
    chance = random.Random(RANDOM + 2)
    values = [struct.pack(">i", n) + b"\xff" * size for n in (-1, -(2**31), 0, 1, 7, 8, 9, 12, 16, 17, 2**31 - 1) for size in (0, 1, 2, 3)]
    values += [b"", b"\0", b"\0\0\0"]
    for _ in range(200):
        n = chance.randint(-1, 40)
        values.append(struct.pack(">i", n) + bytes(chance.choices(range(256), k=chance.choice([max(n + 7, 0) // 8, chance.randint(0, 6)]))))
    return values
