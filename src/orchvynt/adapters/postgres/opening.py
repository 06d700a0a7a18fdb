"""Brings a store in PostgreSQL into service: locks, schema, the journal's tail filed, then the writer's thread. The order is the point."""

import asyncio
import os
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.ids import SystemIds
from orchvynt.adapters.journal.feed import Feed
from orchvynt.adapters.journal.file import FileJournal
from orchvynt.adapters.journal.recovery import delete_filed, recover
from orchvynt.adapters.journal.segments import list_segments
from orchvynt.adapters.postgres.filing import PostgresFiled
from orchvynt.adapters.postgres.locks import serve_alone
from orchvynt.adapters.postgres.migrating import migrate
from orchvynt.adapters.postgres.reader import Reader
from orchvynt.adapters.postgres.session import Session
from orchvynt.adapters.postgres.target import Target
from orchvynt.adapters.sqlite.anchor import NAME, Anchor
from orchvynt.adapters.sqlite.lock import Lock
from orchvynt.adapters.sqlite.opening import DEFAULT_LIMITS, Opened, StoreLimits, Sync, make_directory, open_journal
from orchvynt.adapters.sqlite.store import SqliteStore
from orchvynt.adapters.sqlite.writer import Writer
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import StoreInUseError, StoreUnavailableError

# The server may take a moment to see that a process that was killed is gone.
_GHOST_S: Final = 10.0
_GHOST_LOOK_S: Final = 0.2
_WRITE_S: Final = 30.0
_READ_S: Final = 10.0
_SUM_S: Final = 120.0
_READERS: Final = 3
_PROCESS: Final = "process"
_LOCK_TIMEOUT: Final = "5s"


async def open_store(target: Target, journal_dir: Path, sync: Sync = "process", limits: StoreLimits = DEFAULT_LIMITS) -> Opened:
    """Raises StoreInUseError, StoreUnavailableError, JournalUnavailableError; then nothing is held or left running."""
    return await asyncio.get_running_loop().run_in_executor(None, _open, target, journal_dir, sync, limits)


def _open(target: Target, journal_dir: Path, sync: Sync, limits: StoreLimits) -> Opened:
    with ExitStack() as undo:
        make_directory(journal_dir)
        lock = Lock(journal_dir / "lock", f"the journal {journal_dir}")
        undo.callback(lock.close)
        who = f"orchvynt {socket.gethostname()}:{os.getpid()}"
        process, is_new = _process_of(journal_dir)
        settings = {"application_name": who, "orchvynt.process": process, "lock_timeout": _LOCK_TIMEOUT}
        session = Session(target, settings, _WRITE_S, serve_alone)
        undo.callback(session.close)
        _connect(session)
        migrate(session)
        _register(session, journal_dir, process, is_new)
        filed = PostgresFiled(session, journal_dir)
        audit_whole = filed.begin_audit(is_new)
        recovery = recover(journal_dir, filed.position, filed.file)
        delete_filed(journal_dir, filed.position)
        feed = Feed(limits.feed_frames, limits.feed_bytes)
        journal = open_journal(journal_dir, recovery, feed, sync, limits)
        undo.callback(journal.close)
        if filed.position != journal.end:
            # The journal goes on in a new segment: what is appended follows the filed position without a gap.
            filed.file([], journal.end)
        reader, accounts = Reader(target, who, _READERS, _READ_S), Reader(target, who, 1, _SUM_S)
        writer = Writer(filed, journal, feed, journal_dir)
        writer.start()
        undo.pop_all()
    end = _End(session, filed, journal)
    return Opened(SqliteStore(writer, reader, accounts, journal, end, [lock], Anchor(journal_dir)), journal, recovery, audit_whole)


class _End:
    """The last thing that a process says to its store: whether its journal holds anything that is not there."""

    def __init__(self, session: Session, filed: PostgresFiled, journal: FileJournal) -> None:
        self._session = session
        self._filed = filed
        self._journal = journal

    def close(self) -> None:
        if self._filed.position == self._journal.end:
            # Otherwise, or if that fails, this journal has to come back.
            with suppress(StoreUnavailableError):
                self._filed.transaction(lambda connection: connection.execute(_WHOLE), durable=True)
        self._session.close()


_WHOLE: Final = "UPDATE filed SET whole = 1 WHERE process = current_setting('orchvynt.process')"
_BEGUN: Final = "UPDATE filed SET whole = 0 WHERE process = current_setting('orchvynt.process')"
_NEW: Final = """\
INSERT INTO filed (process, host, segment, "offset", last_finished, whole) VALUES (current_setting('orchvynt.process'), $1, 0, 0, '', 1)"""
_LOST: Final = "UPDATE filed SET whole = 1 WHERE process = '{}'"
_OTHERS: Final = "SELECT process, host FROM filed WHERE process <> current_setting('orchvynt.process') AND whole = 0 ORDER BY process"


def _connect(session: Session) -> None:
    until = time.monotonic() + _GHOST_S
    while True:
        try:
            return session.connect()
        except StoreInUseError:
            if time.monotonic() > until:
                raise
        time.sleep(_GHOST_LOOK_S)


def _process_of(journal_dir: Path) -> tuple[str, bool]:
    """The name that the store knows this journal by, and whether it is new. Raises JournalUnavailableError."""
    try:
        known = (journal_dir / _PROCESS).read_text("ascii").strip()
    except FileNotFoundError:
        if list_segments(journal_dir) or (journal_dir / NAME).exists():
            raise JournalUnavailableError(
                f"the journal {journal_dir} is another store's. Name an empty directory, or none, with --journal."
            ) from None
        return SystemIds(SystemClock().now).new("prc"), True
    except (OSError, ValueError) as error:
        raise JournalUnavailableError(f"the journal {journal_dir} cannot be read: {error}. Check the directory.") from error
    return known, False


def _register(session: Session, journal_dir: Path, process: str, is_new: bool) -> None:
    """INVARIANT: one journal at a time has facts that the store has not: what they announce happened, and budgets are counted without
    them. Raises StoreUnavailableError, JournalUnavailableError."""
    if (other := session.execute(_OTHERS).fetchone()) is not None:
        raise StoreUnavailableError(
            f"the store {session.shown} lacks what may still stand in the journal {other[1]}, whose process did not come to its end. Start "
            f"serve with that journal. If it is lost, and only then: {_LOST.format(other[0])}"
        )
    if is_new:
        # The row comes first. Without its file it is nobody's, and keeps nobody from anything.
        session.execute(_NEW, (f"{socket.gethostname()}:{journal_dir.resolve()}",))
        _keep_name(journal_dir, process)
    if not session.execute(_BEGUN).rowcount:
        raise StoreUnavailableError(
            f"the store {session.shown} does not know the journal {journal_dir}: it belongs to another store, or this one was restored "
            "from before. Name the store that it belongs to, or an empty directory with --journal."
        )


def _keep_name(journal_dir: Path, process: str) -> None:
    fresh = journal_dir / f"{_PROCESS}.new"
    try:
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, f"{process}\n".encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(fresh, journal_dir / _PROCESS)
    except OSError as error:
        raise JournalUnavailableError(f"the journal {journal_dir} cannot be written: {error.strerror}. Check the directory.") from error
