"""Load by several clients at once."""

import threading

import psycopg


class Load:
    """Clients that work at once, each in a thread with a session of its own, until `stop`.

    Errors are kept in `failures`, but those of a server that is gone if `fatal` is expected.
    """

    def __init__(self, connect, fatal: bool = False):
        self.connect = connect
        self.fatal = fatal
        self.failures: list[BaseException] = []
        self.threads: list[threading.Thread] = []
        self.over = threading.Event()

    def add(self, work) -> None:
        """Start a client that calls `work(session)` again and again."""

        def run():
            try:
                with self.connect() as session:
                    while not self.over.is_set():
                        work(session)
            except psycopg.Error as failure:
                gone = failure.sqlstate is None or failure.sqlstate.startswith("57P")
                if not (self.fatal and gone):
                    self.failures.append(failure)
            except BaseException as failure:
                self.failures.append(failure)

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, kind, *_) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()
        if kind is None and self.failures:
            raise self.failures[0]

    def stop(self, after: float = 0) -> None:
        """End them, and raise what has failed first."""
        self.over.wait(after)
        self.__exit__(None)
