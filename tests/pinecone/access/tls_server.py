"""A server that is reached over TLS on loopback, with a certificate authority of its own; PgBouncer and slapd beside it."""

import os
import pwd
import socket
import subprocess
import time
from pathlib import Path

import psycopg

from tests.support.cluster import ROOT, Cluster

PROGRAMS = (ROOT / "target/pg/programs").resolve()
SERVER_USER = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until_open(port, process):
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")


class Authority:
    """Certificates for the server (localhost) and for people."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir()
        directory.chmod(0o755)
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.crt")
        self.issue("server", "localhost", also=["DNS:db.example.org", "IP:127.0.0.1"])

    @property
    def root(self):
        return str(self.directory / "ca.crt")

    def issue(self, name: str, subject: str, signer: "Authority | None" = None, also: list[str] = ()):
        """Make `name`.crt and `name`.key for a common name, and for other names and addresses of a host."""
        by = signer or self
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={subject}",
                      "-keyout", f"{name}.key", "-out", f"{name}.csr")
        names = ",".join([f"DNS:{subject}", *also])
        (self.directory / "extensions").write_text("basicConstraints=CA:FALSE\n" if "@" in subject else f"subjectAltName={names}\n")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", str(by.directory / "ca.crt"), "-CAkey", str(by.directory / "ca.key"),
                      "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-out", f"{name}.crt")
        return {"sslcert": str(self.directory / f"{name}.crt"), "sslkey": str(self.directory / f"{name}.key")}

    def revoke(self, *names: str) -> Path:
        """Withdraw certificates; the list of all that are withdrawn."""
        (self.directory / "ca.cnf").write_text(
            "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=2\n"
        )
        if not (self.directory / "index.txt").exists():
            (self.directory / "index.txt").touch()
            (self.directory / "crlnumber").write_text("01\n")
        by = ["-config", "ca.cnf", "-keyfile", "ca.key", "-cert", "ca.crt"]
        for name in names:
            self._openssl("ca", *by, "-revoke", f"{name}.crt")
        self._openssl("ca", *by, "-gencrl", "-out", "ca.crl")
        return self.directory / "ca.crl"

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.directory, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"openssl {args[0]}: {done.stderr}")


class TlsServer:
    """The server: database `shop` with Conifer; `hba` are lines of pg_hba.conf behind one for the local superuser."""

    def __init__(self, directory: Path, settings: dict[str, str] | None = None):
        self.authority = Authority(directory / "authority")
        self.port = free_port()
        self.cluster = Cluster(15, "secure", {
            "listen_addresses": "127.0.0.1", "port": str(self.port), "log_connections": "on", **(settings or {})
        })
        self.cluster.env["PGPORT"] = str(self.port)
        data = self.cluster.home / "data"
        for name in ("ca.crt", "server.crt", "server.key"):
            self.give(data / name, (self.authority.directory / name).read_text())
        with self.cluster.connect("postgres") as session:
            for name, value in [("ssl", "on"), ("ssl_ca_file", "ca.crt")]:
                session.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.admit([])
        self.cluster.create_database("shop")
        with self.admin() as session:
            session.execute("CREATE EXTENSION conifer")

    def give(self, path: Path, text: str):
        """Write a file that only the server's user may read."""
        path.write_text(text)
        path.chmod(0o600)
        entry = pwd.getpwnam(SERVER_USER)
        os.chown(path, entry.pw_uid, entry.pw_gid)

    def admit(self, hba: list[str], ident: list[str] = ()):
        """Replace who is let in, and how."""
        data = self.cluster.home / "data"
        self.give(data / "pg_hba.conf", "\n".join(["local all postgres trust", *hba, ""]))
        self.give(data / "pg_ident.conf", "\n".join([*ident, ""]))
        with self.cluster.connect("postgres") as session:
            session.execute("SELECT pg_reload_conf()")
            for _ in range(100):
                lines = session.execute("SELECT count(*), count(error) FROM pg_hba_file_rules").fetchone()
                assert lines == (len(hba) + 1, 0), lines
                loaded = session.execute("SELECT pg_conf_load_time() > now() - interval '5 s'").fetchone()[0]
                if loaded and session.execute("SHOW ssl").fetchone() == ("on",):
                    return
                time.sleep(0.05)
        raise RuntimeError("the server does not load its configuration")

    def admin(self) -> psycopg.Connection:
        return self.cluster.connect("shop")

    def connect(self, user: str, password: str | None = None, port: int | None = None, **options) -> psycopg.Connection:
        """Log in over TLS, verifying the server's certificate and name."""
        settings = {
            "host": "localhost", "hostaddr": "127.0.0.1", "port": port or self.port, "dbname": "shop", "user": user,
            "sslmode": "verify-full", "sslrootcert": self.authority.root, "autocommit": True, "connect_timeout": 10,
        }
        if password is not None:
            settings["password"] = password
        return psycopg.connect(**{**settings, **options})

    def destroy(self):
        self.cluster.destroy()


def environment() -> dict[str, str]:
    """The environment in which the unpacked programs run."""
    libraries = ":".join(str(path) for path in sorted((PROGRAMS / "usr/lib").glob("*-linux-gnu*")))
    return {"PATH": f"{PROGRAMS}/usr/bin:{PROGRAMS}/usr/sbin:/usr/bin:/bin", "LD_LIBRARY_PATH": libraries}


def launch(program: str, *args: str, as_server: bool = False, directory: Path | str = "/", **variables: str) -> subprocess.Popen:
    """Start one of the unpacked programs in the foreground."""
    command = [program, *args]
    if as_server and os.geteuid() == 0:
        command = ["setpriv", f"--reuid={SERVER_USER}", f"--regid={SERVER_USER}", "--init-groups", *command]
    return subprocess.Popen(command, cwd=directory, env={**environment(), **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
