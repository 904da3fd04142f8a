"""The fixture of the clients."""

from tests.clients.driver import done  # noqa: F401
