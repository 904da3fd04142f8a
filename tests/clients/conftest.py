"""The fixture of the clients."""

from driver import done  # noqa: F401
