"""dev/circles finds files that need each other, and takes nothing else for a circle."""

import subprocess

import pytest

from tests.support.cluster import ROOT

CIRCLES = {
    "by use": {"a": "use crate::b::B;", "b": "use crate::a::A;"},
    "in a list, under another name": {"a": "use crate::{b as other, c::C};", "b": "use super::a::{self, A};"},
    "by a path in the code": {"a": "fn f() { crate::b::g() }", "b": "fn g() { super::a::f() }"},
    "over a third": {"a": "use crate::b::B;", "b": "use crate::c::C;", "c": "use crate::a::A;"},
    "of a folder and its file": {"d/mod": "mod e; pub fn f() { e::g() }", "d/e": "use super::f; pub fn g() {}"},
    "through a module that passes it on": {"d/mod": "pub use e::E;", "d/e": "use crate::a::A;", "a": "use crate::d::E;"},
    "of the gateway's crate": {"gateway/a": "use crate::b::B;", "gateway/b": "use crate::a::A;"},
    "of the pure crate": {"pure/a": "use crate::b::B;", "pure/b": "use crate::a::A;"},
}
NONE = {
    "one way": {"a": "use crate::b::B;", "b": ""},
    "tests": {"a": "use crate::b::B;", "b": "#[cfg(test)]\nmod tests { use crate::a::A; }", "d/tests": "use crate::a::A;"},
    "comments and texts": {"a": "use crate::b::B;", "b": "// use crate::a::A;\nconst T: &str = \"crate::a::A\";"},
    "a declaration": {"d/mod": "pub mod e; pub struct D;", "d/e": "use super::D;"},
    "passed on": {"d/mod": "mod e; mod g; pub use e::E;", "d/e": "pub struct E;", "d/g": "use super::E;"},
    "two crates": {"a": "use conifer_pure::a::A;", "pure/a": "use crate::b::B;", "pure/b": "", "gateway/b": "use conifer_pure::a::A;"},
}


def look(directory, files):
    for name in ("lib", "pure/lib", "gateway/lib", *files):
        file = directory / f"{name}.rs"
        file.parent.mkdir(exist_ok=True)
        file.write_text(files.get(name, ""))
    return subprocess.run([ROOT / "dev/circles", directory], capture_output=True, text=True)


@pytest.mark.parametrize("files", CIRCLES.values(), ids=CIRCLES)
def test_circles(tmp_path, files):
    done = look(tmp_path, files)
    assert "circle" in done.stdout and done.returncode == 1
    for name in files:
        assert f"{name}.rs needs" in done.stdout or name == "d/mod" and "d/e" in files


@pytest.mark.parametrize("files", NONE.values(), ids=NONE)
def test_none(tmp_path, files):
    done = look(tmp_path, files)
    assert (done.returncode, "circle" in done.stdout) == (0, False), done.stdout
