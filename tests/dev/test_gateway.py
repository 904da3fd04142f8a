"""The gateway is a program beside the extension: it is built without Postgres, and the extension without it."""

import re
import subprocess

from tests.support.cluster import ROOT


def crates(package, *options):
    """The names of all crates that a package is built of."""
    command = ["cargo", "tree", "--locked", "-p", package, "-e", "normal,build", "--prefix", "none", "--format", "{p}", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {line.split()[0] for line in done.stdout.splitlines() if line}


def test_gateway_knows_nothing_of_postgres():
    of_gateway = crates("conifer-gateway")
    assert {"conifer-pure", "hyper"} <= of_gateway
    assert not [name for name in of_gateway if name.startswith("pgrx") or name == "conifer"]


def test_extension_is_built_without_the_gateway():
    of_extension = crates("conifer")
    assert "pgrx" in of_extension
    assert not of_extension & {"conifer-gateway", "hyper", "tokio", "rustls"}


def test_default_build_is_the_extension_alone():
    manifest = (ROOT / "Cargo.toml").read_text()
    assert "src/gateway" in manifest and "[package]" in manifest and "default-members" not in manifest


def test_document_names_every_setting_that_it_means():
    """Settings that the document names are there."""
    settings = set(re.findall(r'setting\(\s*"([a-z-]+)"', (ROOT / "src/gateway/config/settings.rs").read_text()))
    assert len(settings) > 20
    document = (ROOT / "docs/pinecone-sdks.md").read_text()
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`(?! in front)", document)) - {"x-request-id", "conifer-gateway", "x-pinecone-request-id"}
    assert {name for name in named if not name.startswith("x-")} <= settings
