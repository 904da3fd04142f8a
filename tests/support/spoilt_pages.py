"""Damage to the pages of an index, by chance."""

import random

PAGE = 8192


def spoil(source: random.Random, content: bytearray) -> str:
    """Change some pages; say what was done."""
    pages = len(content) // PAGE
    page = source.choice([0, 1, pages - 1, source.randrange(pages)]) % pages
    at = page * PAGE
    body = at + 24  # behind the server's own header
    what = source.choice(["all", "body", "bytes", "words", "ones", "zeros", "swap", "cut", "header", "bits"])
    if what == "all":
        content[at : at + PAGE] = source.randbytes(PAGE)
    elif what == "body":
        content[body : at + PAGE - 8] = source.randbytes(PAGE - 32)
    elif what == "bytes":
        for _ in range(source.choice([1, 4, 60])):
            content[body + source.randrange(PAGE - 32)] = source.randrange(256)
    elif what == "words":
        for _ in range(source.choice([1, 20])):
            word = body + 4 * source.randrange((PAGE - 32) // 4)
            content[word : word + 4] = source.choice([0, 1, page, 2**31 - 1, 2**31, 2**32 - 1, source.randrange(pages * 11)]).to_bytes(4, "little")
    elif what == "ones":
        start = body + source.randrange(PAGE - 300)
        content[start : start + 256] = b"\xff" * 256
    elif what == "zeros":
        content[at : at + PAGE] = bytes(PAGE)
    elif what == "swap":
        other = source.randrange(pages) * PAGE
        content[at : at + PAGE], content[other : other + PAGE] = content[other : other + PAGE], content[at : at + PAGE]
    elif what == "cut":
        del content[at:]
    elif what == "header":
        content[at + source.randrange(24)] = source.randrange(256)
    elif what == "bits":
        for _ in range(source.choice([1, 30])):
            content[body + source.randrange(160)] ^= 1 << source.randrange(8)
    return f"{what} of page {page} of {pages}"
