"""What the extensions' objects in a database are made of."""

import re


def definition(server, database, least=500):
    """All that makes an extension's members, which only dumps for an upgrade of the server show."""
    text = server.run("pg_dump", "--binary-upgrade", "--schema-only", database)
    # But for numbers of objects and transactions, and columns that are gone, which a new database has none of.
    text = re.sub(r"^(SELECT pg_catalog\.binary_upgrade_|UPDATE pg_catalog\.pg_(class|attribute)\b).*?;\n", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for line in text.splitlines() if line and not re.match(r"--|\\(un)?restrict | *\"\.{8}pg\.dropped\.", line)]
    assert len(lines) > least
    return lines
