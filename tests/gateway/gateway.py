"""A gateway in front of a database of a test's server."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.cluster import ROOT

PROGRAM = Path(os.environ.get("CONIFER_GATEWAY_PROGRAM", ROOT / "target/debug/conifer-gateway"))
ROLE = "gateway_pool"


def free_ports(count):
    """Ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Shop:
    """A database with Conifer, and a role for the gateway's pool."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        server.create_database(name, "with_conifer")
        self.db = server.connect(name)
        if not self.db.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchall():
            self.db.execute(f"CREATE ROLE {ROLE} LOGIN; GRANT conifer_gateway TO {ROLE}")
        self.db.execute(f"ALTER ROLE {ROLE} SET session_preload_libraries = 'conifer'")

    @property
    def address(self):
        env = self.server.env
        return f"host={env['PGHOST']} port={env['PGPORT']} user={ROLE} dbname={self.name}"

    def key(self, name="all", **rights):
        """The id of a new key, and the key."""
        places = "".join(f", {right} => %s" for right in rights)
        return self.db.execute(f"SELECT key_id, api_key FROM pc_create_api_key(%s{places})", [name, *rights.values()]).fetchone()

    def destroy(self):
        self.db.close()
        self.server.drop_database(self.name)


class Gateway:
    """The program, with settings beside those that it needs: `pool_size="2"`."""

    def __init__(self, database, log, **settings):
        self.port, self.admin_port = free_ports(2)
        self.log = log
        given = {
            "listen": f"127.0.0.1:{self.port}", "admin-listen": f"127.0.0.1:{self.admin_port}", "database": database,
            "pool-size": "3", **{name.replace("_", "-"): value for name, value in settings.items()},
        }
        self.tls = "tls-certificate" in given
        self.command = [PROGRAM, *(f"--{name}={value}" for name, value in given.items())]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stderr=self.log.open("a"), env={"PATH": "/usr/bin:/bin"})
        self.until(lambda: self.admin("/live")[0] == 200)

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://localhost:{self.port}"

    def admin(self, path):
        """Status and text of a path for those who watch over it."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return None, str(error)

    def metric(self, name):
        """The value of a metric, without the gateway's prefix; 0 for one that has not come about."""
        lines = [line for line in self.admin("/metrics")[1].splitlines() if line.startswith(f"conifer_gateway_{name} ")]
        return float(lines[0].split()[-1]) if lines else 0

    def lines(self):
        """The lines of its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def until(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def memory(self):
        """Kilobytes that it has in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def stop(self):
        """End it in order. Its exit status."""
        self.process.terminate()
        return self.process.wait(30)
