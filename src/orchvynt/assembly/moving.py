"""`orchvynt store move`: everything that one store holds, into an empty one, while nobody serves from either."""

import asyncio
import shlex
import sys
from pathlib import Path
from typing import Final

import msgspec

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.connecting import connect_reader
from orchvynt.adapters.sqlite.copying import Copied, NotMovedError, occupied
from orchvynt.adapters.sqlite.moving import move
from orchvynt.adapters.sqlite.opening import Opened
from orchvynt.assembly.build import open_state
from orchvynt.assembly.refusing import refused
from orchvynt.assembly.reopening import SUBJECT, note_moved, open_not_moved
from orchvynt.assembly.settings import StorePlace
from orchvynt.decisions.audit.entries import AuditRow
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import StoreInUseError, StoreUnavailableError
from orchvynt.surfaces.operator_shapes import StoreMoved, TableMoved

TELLER: Final = "orchvynt store move"
BUSY_MS: Final = 5_000
LOOK_S: Final = 30.0
TOLD_ROWS: Final = 20_000


def run(source: StorePlace, target: StorePlace, json: bool) -> int:
    """Gives the exit code: 0 when all was moved, 1 when nothing was."""
    progress = _Progress()
    try:
        moved = asyncio.run(_move(source, target, progress))
    except (NotMovedError, StoreInUseError, StoreUnavailableError, JournalUnavailableError, ValueError, OSError) as error:
        progress.end()
        return refused("store move", f"nothing was moved: {error}", json)
    progress.end()
    if json:
        sys.stdout.write(msgspec.json.encode(moved).decode() + "\n")
        return 0
    filled = [one for one in moved.tables if one.rows]
    for one in filled:
        sys.stdout.write(f"{one.table:<15} {one.rows:>12,}  {one.digest}\n")
    sys.stdout.write(f"and {len(moved.tables) - len(filled)} tables that are empty\n")
    sys.stdout.write(f"moved {moved.rows:,} rows from {moved.source} to {moved.target}; {_said_of(moved)}\n")
    sys.stdout.write(f"go on with: orchvynt serve --store {_option(target)}\n")
    return 0


def _said_of(moved: StoreMoved) -> str:
    return f"WARNING: its audit is broken, as it was before: {moved.audit}" if moved.audit else "its audit is whole"


def _option(target: StorePlace) -> str:
    """As a shell takes it."""
    shown = shlex.quote(target.shown)
    return shown if target.target is None else f"{shown} --journal {shlex.quote(target.journal)}"


async def _move(source: StorePlace, target: StorePlace, progress: "_Progress") -> StoreMoved:
    _check_there(source)
    if table := await asyncio.to_thread(_look, target):
        raise NotMovedError(f"the target {target.shown} is not empty: its table {table} holds rows. Name one that is empty.")
    # Opening files what the journal holds, and keeps everybody else out.
    opened = await open_not_moved(source)
    try:
        _check_whole(source, opened)
        await _check_alone(source, opened)
        await opened.store.settled()
        into = await open_state(target)
        try:
            note = AuditRow(SystemClock().now(), TELLER, "store.move", f"moved from {source.shown}", SUBJECT, {"from": source.shown})
            copied = await move(opened.store, into.store, note, progress.tell)
            await note_moved(opened.store, target.shown)
        finally:
            await into.store.close()
    finally:
        await opened.store.close()
    return await _verified(source, target, copied)


async def _verified(source: StorePlace, target: StorePlace, copied: list[Copied]) -> StoreMoved:
    """The target, opened as `serve` opens it."""
    again = await open_state(target)
    try:
        verified = await again.store.verify_audit()
    finally:
        await again.store.close()
    tables = tuple(TableMoved(*one) for one in copied)
    return StoreMoved(source.shown, target.shown, tables, sum(one.rows for one in copied), verified.problem)


def _check_there(source: StorePlace) -> None:
    """Opening a store makes one where there is none."""
    if source.target is None and not Path(source.path).exists():
        raise NotMovedError(f"there is no store {source.shown}.")


def _check_whole(source: StorePlace, opened: Opened) -> None:
    """What is missing here would be missing for good there."""
    recovery = opened.recovery
    if recovery.missing or recovery.damages:
        what = recovery.damages[0].text if recovery.damages else "it ends before what the store has filed"
        raise NotMovedError(f"the journal of {source.shown} is not whole: {what}. Start serve once: it says what is lost, and goes on.")


async def _check_alone(source: StorePlace, opened: Opened) -> None:
    """What another process has in its journal would be missing there."""
    for row in await opened.store.processes():
        if row.process != opened.store.process and row.state != "gone":
            raise NotMovedError(
                f"{row.host}:{row.pid} serves from {source.shown}, or did not come to its end. Stop it, or start serve with its journal "
                f"{row.journal} and stop that."
            )


def _look(target: StorePlace) -> str:
    """A table of the target that holds rows, before anything is done to it; empty where it is empty, or not there yet."""
    if target.target is None:
        if not Path(target.path).exists() or not Path(target.path).stat().st_size:
            return ""
        reader = connect_reader(Path(target.path), BUSY_MS)
        try:
            return occupied(reader)
        finally:
            reader.close()
    # Its library is an extra.
    from orchvynt.adapters.postgres.session import Session  # noqa: PLC0415

    session = Session(target.target, {"application_name": TELLER, "default_transaction_read_only": "on"}, LOOK_S)
    try:
        session.connect()
        connection: Connection = session
        return occupied(connection)
    finally:
        session.close()


class _Progress:
    """On a terminal one line that changes, else nothing."""

    def __init__(self) -> None:
        self._shows = sys.stderr.isatty()
        self._next = 0
        self._table = ""

    def tell(self, table: str, rows: int) -> None:
        if self._shows and (table != self._table or rows >= self._next):
            self._table, self._next = table, rows + TOLD_ROWS
            sys.stderr.write(f"\r\x1b[K{table}: {rows:,} rows")
            sys.stderr.flush()

    def end(self) -> None:
        if self._shows:
            sys.stderr.write("\r\x1b[K")
