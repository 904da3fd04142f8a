"""Statements in threads, that a test looks at and cancels."""

import threading
import time

import psycopg

CANCELED = "57014"
AT_ONCE = 1.0
"""Seconds in which a statement that is cancelled must end."""


class Running:
    """A statement in a thread. `failure` is its error once it has ended, `end` when that was."""

    def __init__(self, session, statement):
        self.failure = self.end = None
        self.session = session
        self.thread = threading.Thread(target=self._run, args=[statement])
        self.thread.start()

    def _run(self, statement):
        try:
            self.session.execute(statement)
        except psycopg.Error as failure:
            self.failure = failure
        self.end = time.monotonic()

    def is_over(self):
        return not self.thread.is_alive()

    def cancel(self, other):
        """Cancel it, and assert that it ends at once and by that. False if it was over before."""
        begin = time.monotonic()
        other.execute("SELECT pg_cancel_backend(%s)", [self.session.info.backend_pid])
        self.thread.join()
        if self.failure is None:
            return False
        assert self.failure.sqlstate == CANCELED, self.failure
        assert self.end - begin < AT_ONCE
        return True
