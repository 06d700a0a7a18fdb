"""Foreign exceptions, mapped once: what SQLite says → a cause that an operator can act on. It retries nothing."""

import sqlite3
from typing import Final

from orchvynt.ports.store import StoreUnavailableError

# Primary result codes: https://www.sqlite.org/rescode.html
_CAUSES: Final = {
    sqlite3.SQLITE_FULL: ("the disk is full", "Free space; it goes on by itself."),
    sqlite3.SQLITE_READONLY: ("it is read-only", "Make the file and its directory writable for this user."),
    sqlite3.SQLITE_BUSY: ("another process has locked it", "Close what holds the database open."),
    sqlite3.SQLITE_LOCKED: ("another process has locked it", "Close what holds the database open."),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", "Stop serve and restore the file from a backup; the journal keeps what is not filed."),
    sqlite3.SQLITE_NOTADB: ("it is not a SQLite database", "Name another file with --store."),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "Check that the directory exists and is writable for this user."),
    sqlite3.SQLITE_IOERR: ("the disk reports an error", "Check the disk and its quota."),
    sqlite3.SQLITE_PERM: ("access is denied", "Make the file and its directory writable for this user."),
}


def unavailable(error: sqlite3.Error, path: str) -> StoreUnavailableError:
    """The message names the database, the cause, SQLite's own code and what to do; never a value that was written."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    cause, advice = _CAUSES.get((code or 0) & 0xFF, (str(error), "See the documentation of SQLite for this code."))
    return StoreUnavailableError(f"the store {path} is unavailable: {cause} ({name}). {advice}")
