"""Brings a store into service: lock, schema, the journal's tail filed, then the writer's thread. The order is the point."""

import asyncio
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, Literal

import msgspec

from orchvynt.adapters.journal.feed import Feed
from orchvynt.adapters.journal.file import SEGMENT_BYTES, FileJournal
from orchvynt.adapters.journal.frames import HEADER, Position
from orchvynt.adapters.journal.recovery import Recovery, delete_filed, recover
from orchvynt.adapters.sqlite.anchor import Anchor
from orchvynt.adapters.sqlite.connecting import connect_writer
from orchvynt.adapters.sqlite.lock import Lock
from orchvynt.adapters.sqlite.reader import Reader
from orchvynt.adapters.sqlite.store import SqliteStore
from orchvynt.adapters.sqlite.writer import Filed, Writer
from orchvynt.ports.journal import JournalUnavailableError

Sync = Literal["process", "power"]


class StoreLimits(msgspec.Struct, frozen=True):
    """`feed_*` bound the queue from journal to filer; beyond them the filer reads the file. `busy_ms` is the wait for a foreign lock."""

    segment_bytes: int = SEGMENT_BYTES
    feed_frames: int = 20_000
    feed_bytes: int = 64 * 1024 * 1024
    busy_ms: int = 1000


class Opened(msgspec.Struct, frozen=True):
    """`recovery` says what the last process left: torn bytes are harmless, `damages` and `missing` are to be told loudly. `audit_whole`
    is false where the audit did not end with its anchored head."""

    store: SqliteStore
    journal: FileJournal
    recovery: Recovery
    audit_whole: bool = True


DEFAULT_LIMITS: Final = StoreLimits()


async def open_store(path: Path, journal_dir: Path, sync: Sync = "process", limits: StoreLimits = DEFAULT_LIMITS) -> Opened:
    """Raises StoreInUseError, StoreUnavailableError, JournalUnavailableError; then nothing is held or left running."""
    return await asyncio.get_running_loop().run_in_executor(None, _open, path, journal_dir, sync, limits)


def _open(path: Path, journal_dir: Path, sync: Sync, limits: StoreLimits) -> Opened:
    path = path.resolve()  # two names of one file must meet at one lock
    with ExitStack() as undo:
        locks = [Lock(path.with_name(path.name + ".lock"), f"the store {path}")]
        undo.callback(locks[0].close)
        make_directory(journal_dir)
        locks.append(Lock(journal_dir / "lock", f"the journal {journal_dir}"))
        undo.callback(locks[1].close)
        connection = connect_writer(path, limits.busy_ms)
        undo.callback(connection.close)
        filed = Filed(connection, path, journal_dir)
        audit_whole = filed.begin_audit()
        recovery = recover(journal_dir, filed.position, filed.file)
        delete_filed(journal_dir, filed.position)
        filed.empty_log()
        feed = Feed(limits.feed_frames, limits.feed_bytes)
        journal = open_journal(journal_dir, recovery, feed, sync, limits)
        undo.callback(journal.close)
        if filed.position != journal.end:
            # The journal goes on in a new segment: what is appended follows the filed position without a gap.
            filed.file([], journal.end)
        reader, accounts = Reader(path, limits.busy_ms), Reader(path, limits.busy_ms)
        writer = Writer(filed, journal, feed, journal_dir)
        writer.start()
        undo.pop_all()
    return Opened(SqliteStore(writer, reader, accounts, journal, connection, locks, Anchor(journal_dir)), journal, recovery, audit_whole)


def make_directory(journal_dir: Path) -> None:
    try:
        journal_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalUnavailableError(
            f"the journal {journal_dir} cannot be made: {error.strerror}. Check the path and its directory."
        ) from error


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
