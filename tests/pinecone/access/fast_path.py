"""A client of the server's protocol that calls functions by their numbers, without a statement, as libpq's PQfn does."""

import socket
import struct


class FastPath:
    """A session over the server's socket, without a password."""

    def __init__(self, server, database: str, user: str, options: str = ""):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(f"{server.env['PGHOST']}/.s.PGSQL.{server.env['PGPORT']}")
        self.stream = self.socket.makefile("rb")
        words = ("user", user, "database", database, "options", options)
        body = b"".join(word.encode() + b"\0" for word in words) + b"\0"
        self.socket.sendall(struct.pack("!II", len(body) + 8, 3 << 16) + body)
        assert self._answer() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def call(self, function: int, *arguments: str) -> str | None:
        """The SQLSTATE of a call; None if it works."""
        body = struct.pack("!IHH", function, 0, len(arguments))
        for argument in arguments:
            body += struct.pack("!I", len(argument.encode())) + argument.encode()
        return self._send(b"F", body + struct.pack("!H", 0))

    def execute(self, statement: str) -> str | None:
        """The SQLSTATE of a statement; None if it works."""
        return self._send(b"Q", statement.encode() + b"\0")

    def _send(self, kind: bytes, body: bytes) -> str | None:
        self.socket.sendall(kind + struct.pack("!I", len(body) + 4) + body)
        return self._answer()

    def _answer(self) -> str | None:
        """Reads until the server is ready again."""
        state = None
        while True:
            kind, length = struct.unpack("!cI", self.stream.read(5))
            body = self.stream.read(length - 4)
            if kind == b"E":
                state = next(field[1:].decode() for field in body.split(b"\0") if field.startswith(b"C"))
            elif kind == b"Z":
                return state
