"""Opens database connections: file mode, pragmas, and the numbered steps that bring an older schema to this build's."""

import os
import sqlite3
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import quote

from orchvynt.adapters.sqlite import auditing, receipts
from orchvynt.adapters.sqlite.connection import SqliteConnection
from orchvynt.adapters.sqlite.faults import unavailable
from orchvynt.ports.store import StoreUnavailableError

APPLICATION_ID: Final = 0x4F56594E  # "OVYN", so that a foreign database is not taken for ours
# Steps whose tables are filled from the records, with what folds new ones: once the schema is this build's.
_FILLING: Final = {10: receipts.fill, 15: auditing.fill}
# Records are about 3 KiB, and fill few places of smaller pages to the end. Stores that are there keep theirs (8 KiB).
_PAGE_BYTES: Final = 16384
_SQLITE_MIN: Final = (3, 38, 0)  # STRICT tables (3.37) and RETURNING


def connect_writer(path: Path, busy_ms: int) -> SqliteConnection:
    """A connection that writes, with the schema of this build. Raises StoreUnavailableError."""
    if sqlite3.sqlite_version_info < _SQLITE_MIN:
        raise StoreUnavailableError(f"SQLite {sqlite3.sqlite_version} is too old. Use a Python whose sqlite3 is 3.38 or newer.")
    _make_file(path)
    connection: SqliteConnection | None = None
    try:
        connection = _connect(str(path), busy_ms)
        _prepare(connection, path)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise unavailable(error, str(path)) from error
    except StoreUnavailableError:
        if connection is not None:
            connection.close()
        raise
    return connection


def _make_file(path: Path) -> None:
    """An empty file that only its owner may read: SQLite gives its -wal and -shm files the same mode.

    INVARIANT: a file that is there is not opened. To close it again would end all locks that SQLite holds on it in this process
    (https://www.sqlite.org/howtocorrupt.html, 2.2), and whoever else leaves would take the log away under those that write to it."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnavailableError(f"the store {path} is unavailable: {error.strerror}. Check the path and its directory.") from error


def connect_reader(path: Path, busy_ms: int) -> SqliteConnection:
    """A connection that cannot write. Raises StoreUnavailableError."""
    try:
        return _connect(f"file:{quote(str(path))}?mode=ro", busy_ms, uri=True)
    except sqlite3.Error as error:
        raise unavailable(error, str(path)) from error


def _connect(name: str, busy_ms: int, uri: bool = False) -> SqliteConnection:
    return sqlite3.connect(name, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False, factory=SqliteConnection, uri=uri)


def _prepare(connection: SqliteConnection, path: Path) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    is_new = version == 0 and connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if not is_new and owner != APPLICATION_ID:
        raise StoreUnavailableError(f"{path} is a database of another program. Name another file with --store.")
    steps = _steps()
    newest = steps[-1][0]
    _check_known(version, newest, path)
    if is_new:
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreUnavailableError(f"the store {path} cannot use write-ahead logging here (mode {mode}). Put it on a local disk.")
    connection.execute("PRAGMA synchronous = NORMAL")
    # Words of callers and reviewers stand in what is replaced and deleted: it is overwritten at once, not only unlinked. A page that is
    # rearranged leaves no copy either. It costs the writer a few hundredths of its time.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    if version < newest:
        _upgrade(connection, [(number, script) for number, script in steps if number > version])


def schema_of(connection: SqliteConnection, path: Path) -> tuple[int, int]:
    """The schema that a store has, and that of this build. Raises StoreUnavailableError for one of a newer build."""
    version, newest = int(connection.execute("PRAGMA user_version").fetchone()[0]), _steps()[-1][0]
    _check_known(version, newest, path)
    return version, newest


def _check_known(version: int, newest: int, path: Path) -> None:
    if version > newest:
        raise StoreUnavailableError(
            f"the store {path} has schema {version}, this build knows {newest}: a newer build wrote it. "
            "Start that build, or restore the backup from before."
        )


def _steps() -> list[tuple[int, str]]:
    """The steps in their order, each with its number. A number may be missing, of a change that was given up; none is ever filled in."""
    folder = resources.files(__package__).joinpath("steps")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    assert len({name[:3] for name in names}) == len(names)
    return [(int(name[:3]), folder.joinpath(name).read_text("utf-8")) for name in names]


def _upgrade(connection: SqliteConnection, steps: Sequence[tuple[int, str]]) -> None:
    """All of them, or none: what fills a table of an early one knows only the schema behind the last."""
    scripts = "\n".join(script for _, script in steps)
    try:
        connection.executescript(f"BEGIN IMMEDIATE;\n{scripts}")
        for number, _ in steps:
            if number in _FILLING:
                _FILLING[number](connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {steps[-1][0]}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.rollback()
