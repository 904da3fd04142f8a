"""make audit: what licences and advisories are told to be."""

import os
import subprocess
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import pytest

from tests.support.cluster import ROOT


def script(name):
    """A script of dev/, as a module."""
    loader = SourceFileLoader(name, str(ROOT / "dev" / name))
    module = module_from_spec(spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("expression, allowed", [
    ("MIT", True),
    ("GPL-3.0-only", False),
    ("MIT OR GPL-3.0-only", True),
    ("MIT/Apache-2.0", True),
    ("MIT AND GPL-3.0-only", False),
    ("(MIT OR Apache-2.0) AND Unicode-3.0", True),
    ("(MIT OR Apache-2.0) AND LGPL-2.1-or-later", False),
    ("GPL-2.0-only OR MIT AND ISC", True),
    ("Apache-2.0 WITH LLVM-exception", True),
    ("GPL-2.0-only WITH Classpath-exception-2.0", False),
])  # fmt: skip
def test_licences(expression, allowed):
    assert script("licences").accepts(expression) == allowed


@pytest.mark.parametrize("expression", ["", "MIT OR", "(MIT", "MIT)", "AND MIT", "MIT ISC"])
def test_what_is_no_licence(expression):
    with pytest.raises(ValueError):
        script("licences").accepts(expression)


@pytest.mark.parametrize("version, requirement, fulfilled", [
    ("1.2.3", "^1.2", True), ("2.0.0", "^1.2", False), ("1.1.9", "^1.2", False), ("1.9.0", "1.2", True),
    ("0.2.9", "^0.2.3", True), ("0.3.0", "^0.2.3", False), ("0.0.4", "^0.0.3", False), ("0.0.3", "^0.0.3", True),
    ("1.2.9", "~1.2", True), ("1.3.0", "~1.2", False), ("1.9.0", "~1", True), ("1.2.3", "=1.2.3", True), ("1.2.4", "= 1.2.3", False),
    ("1.4.1", ">= 1.0, < 1.4.2", True), ("1.4.2", ">= 1.0, < 1.4.2", False), ("1.4.2", "> 1.4.2", False), ("1.4.2", "<= 1.4.2", True),
    ("1.0.0-rc.1", ">= 1.0.0", False), ("1.0.0+build", ">= 1.0.0", True), ("7.0.0", "*", True),
])  # fmt: skip
def test_requirements(version, requirement, fulfilled):
    assert script("advisories").matches(version, requirement) == fulfilled


def audit(database):
    done = subprocess.run([ROOT / "dev/audit"], capture_output=True, text=True, env={**os.environ, "ADVISORY_DB": str(database)})
    return done.returncode, done.stdout + done.stderr


def test_audit(tmp_path):
    """The licences of the tree are fine; advisories are looked for in a database of three, and one that is not there."""
    status, said = audit(tmp_path / "nowhere")
    assert status == 0 and "NOT looked for" in said and "MIT OR Apache-2.0" in said

    (pinned,) = [line for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("rayon = ")]
    version = pinned.split('"')[1].removeprefix("=")

    def write(number, more, patched):
        file = tmp_path / f"db/crates/rayon/RUSTSEC-2026-{number}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        head = f'[advisory]\nid = "{file.stem}"\npackage = "rayon"\n{more}\n[versions]\npatched = ["{patched}"]\n'
        file.write_text(f"```toml\n{head}```\n\n# What is wrong {number}\n")

    write("0001", "", f">= {version}")
    write("0002", 'withdrawn = "2026-01-02"', "> 99")
    write("0003", 'informational = "unmaintained"', "> 99")
    status, said = audit(tmp_path / "db")
    assert status == 0, said
    assert f"rayon {version}: RUSTSEC-2026-0003 (unmaintained): What is wrong 0003" in said
    assert "0001 " not in said and "0002" not in said
    write("0004", "", f"> {version}")
    status, said = audit(tmp_path / "db")
    assert status == 1 and f"rayon {version}: RUSTSEC-2026-0004 (vulnerability): What is wrong 0004" in said
