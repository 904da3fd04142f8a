"""The versions of the two extensions, as the tree has them."""

import re

from tests.support.cluster import ROOT


def version_of(name):
    """What the tree is of."""
    file, line = ("Cargo.toml", 'version = "(.*)"') if name == "conifer" else ("sql/vector.control", "default_version = '(.*)'")
    return re.search(f"^{line}$", (ROOT / file).read_text(), re.MULTILINE)[1]
