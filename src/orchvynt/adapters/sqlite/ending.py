"""The last thing that a process says to its store: whether its journal holds anything that is not there."""

from contextlib import suppress

from orchvynt.adapters.journal.file import FileJournal
from orchvynt.adapters.sql import Closing, Connection
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.adapters.sqlite.registering import Process
from orchvynt.adapters.sqlite.written import Filing
from orchvynt.ports.store import StoreUnavailableError


class Ending:
    """Implements adapters.sql.Closing: closes the connection."""

    def __init__(self, filed: Filing, journal: FileJournal, process: Process, connection: Closing) -> None:
        self._filed = filed
        self._journal = journal
        self._process = process
        self._connection = connection

    def close(self) -> None:
        if self._filed.position == self._journal.end:
            # Otherwise, or if that fails, this journal has to come back, or somebody takes it over.
            with suppress(StoreUnavailableError):
                self._filed.transaction(self._end, durable=True)
        self._connection.close()

    def _end(self, connection: Connection) -> None:
        for query in ("end_leases", "end_rates", "process_gone"):
            connection.execute(QUERIES[query], (self._process.id,))
