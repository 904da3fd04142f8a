"""HTTP/1.1 as it goes over the wire, for requests that no client would make."""

import http.client
import json
import socket

VERSION = "2025-10"


class Client:
    """A connection that is kept. `call` answers status, headers and body."""

    def __init__(self, gateway, key=None, version=VERSION, timeout=30):
        self.gateway, self.key, self.version = gateway, key, version
        self.connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=timeout)

    def call(self, method, path, body=None, headers=(), raw=None):
        given = {"Host": f"localhost:{self.gateway.port}", "X-Pinecone-Api-Version": self.version}
        if self.key is not None:
            given["Api-Key"] = self.key
        given.update(headers)
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if content is not None:
            given.setdefault("Content-Type", "application/json")
        self.connection.request(method, path, content, {name: value for name, value in given.items() if value is not None})
        answer = self.connection.getresponse()
        text = answer.read()
        assert answer.reason, "a status without a reason"
        return answer.status, answer.headers, json.loads(text) if text else None

    def ok(self, *args, **options):
        """The body of an answer that has to be a success."""
        status, _, body = self.call(*args, **options)
        assert status < 300, (status, body)
        return body

    def failure(self, *args, **options):
        """Status and message of an answer that has to be a failure, in the envelope of its plane."""
        status, headers, body = self.call(*args, **options)
        assert status >= 400, (status, body)
        assert headers["content-type"] == "application/json" and headers["x-pinecone-request-id"]
        if "error" in body:
            assert body["status"] == status and body["error"]["code"].isupper()
            return status, body["error"]["message"]
        assert isinstance(body["code"], int) and body["details"] == []
        return status, body["message"]

    def close(self):
        self.connection.close()


def exchange(port, sent, timeout=10):
    """Send bytes on a connection of their own, and return all that comes until it is closed, or the time is over."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(sent)
        got = b""
        try:
            while chunk := connection.recv(65536):
                got += chunk
        except (TimeoutError, ConnectionResetError):
            pass
        return got
