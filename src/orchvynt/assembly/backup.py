"""`orchvynt store backup`: a SQLite store as it stands at one moment, in a file of its own. Whoever serves from it goes on."""

import os
import sqlite3
import sys
from pathlib import Path
from typing import Final

import msgspec

from orchvynt.adapters.sqlite.auditing import newest
from orchvynt.adapters.sqlite.connecting import APPLICATION_ID, connect_reader, schema_of
from orchvynt.adapters.sqlite.connection import SqliteConnection
from orchvynt.adapters.sqlite.faults import unavailable
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.assembly.refusing import refused
from orchvynt.assembly.settings import StorePlace
from orchvynt.ports.store import StoreUnavailableError
from orchvynt.surfaces.operator_shapes import StoreBackup

COMMAND: Final = "store backup"
BUSY_MS: Final = 30_000


def run(place: StorePlace, file: Path, json: bool) -> int:
    """Gives the exit code: 0 when the copy is there and whole, 1 when there is none."""
    try:
        done = _copy(place, file)
    except FileExistsError:
        return refused(COMMAND, f"{file} is there already. Name a file that is not.", json)
    except OSError as error:
        return refused(COMMAND, f"{file} cannot be written: {error.strerror}. Check its directory.", json)
    except StoreUnavailableError as error:
        return refused(COMMAND, str(error), json)
    if json:
        sys.stdout.write(msgspec.json.encode(done).decode() + "\n")
        return 0
    last = f"up to invocation {done.last_finished}" if done.last_finished else "without a finished invocation"
    if done.older_schema:
        last = f"of schema {done.older_schema}, which `orchvynt serve` brings up to this build's"
    sys.stdout.write(f"wrote {done.file} ({done.bytes:,} bytes) {last}\n")
    if done.head:
        sys.stdout.write(f"its audit ends with entry {done.audit_entries}, {done.head}\n")
    return 0


def _copy(place: StorePlace, file: Path) -> StoreBackup:
    if not Path(place.path).exists():
        raise StoreUnavailableError(f"there is no store {place.shown}.")
    # Nobody else reads it, from its first byte on; what is there is not overwritten.
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        source = connect_reader(Path(place.path), BUSY_MS)
        try:
            older = _check_ours(source, place)
            copy = sqlite3.connect(file, isolation_level=None, factory=SqliteConnection)
            try:
                source.backup(copy)  # in one step: all of it is of one moment
                return _looked_at(copy, place, file, older)
            finally:
                copy.close()
        finally:
            source.close()
    except sqlite3.Error as error:
        file.unlink(missing_ok=True)
        raise unavailable(error, place.shown) from error
    except BaseException:  # also where somebody interrupts it: half a copy must not look like one
        file.unlink(missing_ok=True)
        raise


def _check_ours(source: SqliteConnection, place: StorePlace) -> int:
    """Its schema, where that is an older one than this build's; else 0."""
    if source.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StoreUnavailableError(f"{place.path} is a database of another program, or empty.")
    version, newest = schema_of(source, Path(place.path))
    return version if version < newest else 0


def _looked_at(copy: SqliteConnection, place: StorePlace, file: Path, older: int) -> StoreBackup:
    (found,) = copy.execute("PRAGMA integrity_check").fetchone()
    if found != "ok":
        raise StoreUnavailableError(f"the copy of {place.shown} is damaged, as the store may be: {found}")
    # One file, without the log beside it that the store has.
    copy.execute("PRAGMA journal_mode = DELETE")
    if older:
        # This build's questions are for its own schema.
        return StoreBackup(place.shown, str(file), file.stat().st_size, "", 0, "", older)
    head, last = newest(copy), copy.execute(QUERIES["find_last"]).fetchone()
    shown = head.hash if head.number else ""
    return StoreBackup(place.shown, str(file), file.stat().st_size, str(last[0]) if last is not None else "", head.number, shown)
