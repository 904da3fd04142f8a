"""Waiting for what comes about in another session."""

import time


def until(condition, seconds: float = 30) -> None:
    """Wait until `condition()`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
