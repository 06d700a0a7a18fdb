"""A process's row in a store's database: made when its journal is opened, and what names the process elsewhere there."""

import os
import socket
from importlib.metadata import version
from typing import NamedTuple

from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.ports.processes import ProcessRow


class Process(NamedTuple):
    """`number` is the short name that rows have of it."""

    number: int
    id: str


def begin(connection: Connection, process: str, journal: str) -> Process:
    """A process serves with this journal, for the first time or again. Within a transaction."""
    connection.execute(QUERIES["process_begins"], (process, journal, socket.gethostname(), os.getpid(), version("orchvynt")))
    connection.execute(QUERIES["add_filed"], (process,))
    return Process(number_of(connection, process), process)


def number_of(connection: Connection, process: str) -> int:
    """0 for one that is not known."""
    row = connection.execute(QUERIES["process_number"], (process,)).fetchone()
    return int(row[0]) if row is not None else 0


def process_rows(connection: Connection) -> list[ProcessRow]:
    return [ProcessRow(*row) for row in connection.execute(QUERIES["processes"]).fetchall()]
