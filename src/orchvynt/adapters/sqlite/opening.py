"""Brings a store into service: locks, schema, the journal's tail filed, then the writer's thread. The order is the point."""

import asyncio
import sqlite3
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Final, Literal

import msgspec

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.ids import SystemIds
from orchvynt.adapters.journal.feed import Feed
from orchvynt.adapters.journal.file import SEGMENT_BYTES, FileJournal
from orchvynt.adapters.journal.frames import HEADER
from orchvynt.adapters.journal.positions import Position
from orchvynt.adapters.journal.recovery import Recovery, delete_filed, has_more, recover
from orchvynt.adapters.journal.siblings import Family, Place
from orchvynt.adapters.lock import Lock
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.anchor import Anchor
from orchvynt.adapters.sqlite.auditing import AuditChain, upgraded
from orchvynt.adapters.sqlite.connecting import connect_writer
from orchvynt.adapters.sqlite.connection import SqliteConnection
from orchvynt.adapters.sqlite.ending import Ending
from orchvynt.adapters.sqlite.faults import unavailable
from orchvynt.adapters.sqlite.joint_chain import SharedChain
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.adapters.sqlite.reader import Reader
from orchvynt.adapters.sqlite.registering import Process, begin, number_of, process_rows
from orchvynt.adapters.sqlite.store import SqliteStore
from orchvynt.adapters.sqlite.wakeups import SocketWakeups, place_of
from orchvynt.adapters.sqlite.writer import Filed, Writer
from orchvynt.adapters.taking_over import TakingOver
from orchvynt.decisions.audit.entries import MISMATCH
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.processes import TakenOver
from orchvynt.ports.wakeups import Alone, Wakeups

Sync = Literal["process", "power"]


class StoreLimits(msgspec.Struct, frozen=True):
    """`feed_*` bound the queue from journal to filer; beyond them the filer reads the file. `busy_ms` is the wait for a foreign lock,
    `shared_busy_ms` where other processes write, too."""

    segment_bytes: int = SEGMENT_BYTES
    feed_frames: int = 20_000
    feed_bytes: int = 64 * 1024 * 1024
    busy_ms: int = 1000
    shared_busy_ms: int = 10_000


ALONE: Final = Alone()


class Opened(msgspec.Struct, frozen=True):
    """`recovery` says what the last process left: torn bytes are harmless, `damages` and `missing` are to be told loudly. `audit_whole`
    is false where the audit did not end with its anchored head. `wakeups` are not begun yet."""

    store: SqliteStore
    journal: FileJournal
    recovery: Recovery
    audit_whole: bool = True
    wakeups: Wakeups = ALONE


DEFAULT_LIMITS: Final = StoreLimits()


async def open_store(
    path: Path, journal_dir: Path, sync: Sync = "process", limits: StoreLimits = DEFAULT_LIMITS, *, shared: bool = False
) -> Opened:
    """`shared`: with other processes of this machine, all of which say so. Raises StoreInUseError, StoreUnavailableError,
    JournalUnavailableError; then nothing is held or left running."""
    return await asyncio.get_running_loop().run_in_executor(None, _open, path, journal_dir, sync, limits, shared)


def _open(path: Path, journal_dir: Path, sync: Sync, limits: StoreLimits, shared: bool) -> Opened:
    path = path.resolve()  # two names of one file must meet at one lock
    busy_ms = limits.shared_busy_ms if shared else limits.busy_ms
    family = Family(journal_dir)
    with ExitStack() as undo:
        lock = Lock(path.with_name(path.name + ".lock"), f"the store {path}", shared=shared)
        undo.callback(lock.close)
        with family.alone():
            own = family.own(shared)
            undo.callback(own.lock.close)
            connection = connect_writer(path, busy_ms)
            undo.callback(connection.close)
            process, is_new = _registered(connection, path, own.name)
            filed, audit_whole = _filed(connection, path, family, own, process, is_new, shared)
            recovery = recover(own.directory, filed.position, filed.file)
            delete_filed(own.directory, filed.position)
            filed.empty_log()
            feed = Feed(limits.feed_frames, limits.feed_bytes)
            journal = open_journal(own.directory, recovery, feed, sync, limits)
            undo.callback(journal.close)
            if filed.position != journal.end:
                # The journal goes on in a new segment: what is appended follows the filed position without a gap.
                filed.file([], journal.end)
        reader, accounts = Reader(path, busy_ms), Reader(path, busy_ms)
        writer = Writer(filed, journal, feed, own.directory)
        writer.start()
        undo.pop_all()
    ending = Ending(filed, journal, process, connection)
    taking_over = TakingOver(family, partial(_reach, path, busy_ms))
    store = SqliteStore(writer, reader, accounts, journal, ending, [own.lock, lock], Anchor(own.directory), process, taking_over, shared)
    return Opened(store, journal, recovery, audit_whole, SocketWakeups(place_of(path)) if shared else ALONE)


def _registered(connection: SqliteConnection, path: Path, journal: str) -> tuple[Process, bool]:
    """The process with this journal, and whether it is new. The one of before there were several gets its id."""
    new = SystemIds(SystemClock().now).new
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if number_of(connection, ""):
                connection.execute(QUERIES["name_first_process"], (first := new("prc"),))
                connection.execute(QUERIES["name_first_filed"], (first,))
            known = next((row.process for row in process_rows(connection) if row.journal == journal), "")
            process = begin(connection, known or new("prc"), journal)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise unavailable(error, str(path)) from error
    return process, not known


def _filed(
    connection: SqliteConnection, path: Path, family: Family, own: Place, process: Process, is_new: bool, shared: bool
) -> tuple[Filed, bool]:
    """What is filed of the process's journal, and whether the audit is what it was."""
    anchor = Anchor(own.directory)
    try:
        if shared:
            chain: AuditChain = SharedChain(connection, anchor)
        else:
            chain = AuditChain(connection, anchor, [Anchor(directory) for _, directory in family.directories()])
        # On a store that is new there is nothing of before either, and where several share it the first anchors its empty chain.
        rows = upgraded(connection, chain.head) or chain.begin(connection, is_new)
    except sqlite3.Error as error:
        raise unavailable(error, str(path)) from error
    filed = Filed(connection, path, own.directory, process, chain)

    def note(connection: Connection) -> None:
        chain.append(connection, rows)
        connection.execute(QUERIES["drop_old_audits"])

    filed.transaction(note, durable=bool(rows))
    return filed, not any(row.what == MISMATCH for row in rows)


def _reach(path: Path, busy_ms: int, place: Place) -> TakenOver | None:
    """Files what a process that died left in its journal."""
    connection = connect_writer(path, busy_ms)
    try:
        row = next((row for row in process_rows(connection) if row.journal == place.name), None)
        if row is None:
            return None
        process = Process(number_of(connection, row.process), row.process)
        filed = Filed(connection, path, place.directory, process, SharedChain(connection, Anchor(place.directory)))
        if row.state == "gone" and not has_more(place.directory, filed.position):
            return None
        recovery = recover(place.directory, filed.position, filed.file)
        delete_filed(place.directory, filed.position)
        return TakenOver(process.id, str(place.directory), recovery.told)
    except sqlite3.Error as error:
        raise unavailable(error, str(path)) from error
    finally:
        connection.close()


def open_journal(journal_dir: Path, recovery: Recovery, feed: Feed, sync: Sync, limits: StoreLimits) -> FileJournal:
    """In a new segment, so that nothing that a process was about to take away when it died stays in the journal: all of it is filed by
    now. On a disk that is full it goes on where it ended."""

    def opened(at: Position | None) -> FileJournal:
        return FileJournal(journal_dir, at, feed, first_segment=recovery.next_segment, sync=sync, segment_bytes=limits.segment_bytes)

    known = recovery.append_at
    try:
        if known is None or known[1] == HEADER.size:
            return opened(known)
        with suppress(OSError):
            return opened(None)
        return opened(known)
    except OSError as error:
        raise JournalUnavailableError(
            f"the journal {journal_dir} cannot be written: {error.strerror}. Free space or check the directory."
        ) from error
