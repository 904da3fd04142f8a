"""Fixtures of the gateway's tests: one database and one gateway for each file."""

import itertools

import pytest

from tests.gateway.gateway import Gateway, Shop
from tests.gateway.wire import Client

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def shop(server):
    """A database with Conifer for the file."""
    shop = Shop(server, f"gateway_{next(_numbers)}")
    yield shop
    shop.destroy()


@pytest.fixture(scope="module")
def key(shop):
    """A key that may do everything."""
    return shop.key()[1]


@pytest.fixture(scope="module")
def gateway(shop, tmp_path_factory):
    """A gateway in front of it, without TLS."""
    gateway = Gateway(shop.address, tmp_path_factory.mktemp("gateway") / "log")
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def client(gateway, key):
    """A connection with the key."""
    client = Client(gateway, key)
    yield client
    client.close()
