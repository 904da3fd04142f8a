"""Pinecone's published SDKs, unmodified, told of nothing but the gateway's host: lifecycle, records, filters, namespaces, refusals.

`tests/gateway/sdk` says which; dev/clients provides them. What they are asked for is in `tests/gateway/programs`.
"""

import os
import subprocess

import pytest

from tests.gateway.gateway import Gateway, free_ports
from tests.pinecone.access.tls_server import Authority
from tests.support.cluster import ROOT

PROGRAMS, MADE = ROOT / "tests/gateway/programs", ROOT / "target/clients"
NAMES = {
    (how, tls): f"tour-{how}-{tls}".lower()
    for how in ("python-9-grpc", "python-10-grpc") for tls in ("plain", "tls")
}
"""Indexes that a port is for: gRPC carries no path."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="module")
def gateways(shop, authority, tmp_path_factory):
    """One with TLS and one without, which answer the same."""
    made = {}
    home = tmp_path_factory.mktemp("sdks")
    for tls in ("plain", "tls"):
        names = [name for (_, with_tls), name in NAMES.items() if with_tls == tls]
        ports = free_ports(len(names))
        scheme = "https" if tls == "tls" else "http"
        settings = {
            "host_template": f"{scheme}://localhost:{{port}}",
            "index_ports": ",".join(f"{name}:{port}" for name, port in zip(names, ports)),
        }
        if tls == "tls":
            settings |= {"tls_certificate": str(authority.directory / "server.crt"), "tls_key": str(authority.directory / "server.key")}
        made[tls] = Gateway(shop.address, home / tls, **settings)
    yield made
    for gateway in made.values():
        assert gateway.stop() == 0


@pytest.fixture(scope="module")
def reader(shop):
    return shop.key("reader", control_plane="None", data_plane="ReadOnly")[1]


def run(command, gateway, authority, **variables):
    environment = {
        "PATH": os.environ["PATH"], "HOME": "/nonexistent", "HOST": gateway.url,
        "SSL_CERT_FILE": authority.root, "NODE_EXTRA_CA_CERTS": authority.root, **variables,
    }
    done = subprocess.run([str(word) for word in command], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.startswith("done"), f"{done.stdout}\n{done.stderr[-4000:]}\n{gateway.log.read_text()[-3000:]}"


@pytest.mark.parametrize("tls", ["plain", "tls"])
@pytest.mark.parametrize("how", ["sync", "async", "grpc"])
@pytest.mark.parametrize("sdk", ["python-9", "python-10"])
def test_python(gateways, authority, key, reader, sdk, how, tls):
    name = NAMES.get((f"{sdk}-{how}", tls), f"tour-{sdk}-{how}-{tls}")
    command = [MADE / f"{sdk}/bin/python", PROGRAMS / "tour.py", how]
    run(command, gateways[tls], authority, KEY=key, READER=reader, NAME=name)


@pytest.mark.parametrize("tls", ["plain", "tls"])
@pytest.mark.parametrize("sdk", ["pinecone-8", "pinecone-9"])
def test_typescript(gateways, authority, key, reader, sdk, tls):
    command = [MADE / "python/bin/node", MADE / "sdk-node/tour.js", sdk]
    run(command, gateways[tls], authority, KEY=key, READER=reader, NAME=f"tour-{sdk}-{tls}")


@pytest.mark.parametrize("store", ["langchain", "llamaindex"])
def test_stores(gateways, authority, key, store):
    command = [MADE / "sdk-stores/bin/python", PROGRAMS / f"{store}.py"]
    run(command, gateways["plain"], authority, KEY=key, NAME=f"store-{store}")
