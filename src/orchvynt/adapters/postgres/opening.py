"""Brings a store in PostgreSQL into service: locks, schema, the journal's tail filed, then the writer's thread. The order is the point."""

import asyncio
import os
import socket
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.ids import SystemIds
from orchvynt.adapters.journal.feed import Feed
from orchvynt.adapters.journal.recovery import delete_filed, has_more, recover
from orchvynt.adapters.journal.segments import list_segments
from orchvynt.adapters.journal.siblings import Family, Place
from orchvynt.adapters.postgres.chain import PostgresChain
from orchvynt.adapters.postgres.filing import PostgresFiled
from orchvynt.adapters.postgres.locks import serve_alone, serve_as
from orchvynt.adapters.postgres.migrating import migrate, pending
from orchvynt.adapters.postgres.reader import Reader
from orchvynt.adapters.postgres.session import QUERIES, Session
from orchvynt.adapters.postgres.target import Target
from orchvynt.adapters.postgres.wakeups import PostgresWakeups
from orchvynt.adapters.sqlite.anchor import NAME, Anchor
from orchvynt.adapters.sqlite.ending import Ending
from orchvynt.adapters.sqlite.opening import DEFAULT_LIMITS, Opened, StoreLimits, Sync, open_journal
from orchvynt.adapters.sqlite.registering import Process, begin, number_of, process_rows
from orchvynt.adapters.sqlite.store import SqliteStore
from orchvynt.adapters.sqlite.writer import Writer
from orchvynt.adapters.taking_over import TakingOver
from orchvynt.decisions.audit.entries import MISMATCH
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.processes import TakenOver
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


async def open_store(
    target: Target, journal_dir: Path, sync: Sync = "process", limits: StoreLimits = DEFAULT_LIMITS, *, workers: bool = False
) -> Opened:
    """`workers`: the journal is one of several below the directory. Raises StoreInUseError, StoreUnavailableError,
    JournalUnavailableError; then nothing is held or left running."""
    return await asyncio.get_running_loop().run_in_executor(None, _open, target, journal_dir, sync, limits, workers)


def _open(target: Target, journal_dir: Path, sync: Sync, limits: StoreLimits, workers: bool) -> Opened:
    who = f"orchvynt {socket.gethostname()}:{os.getpid()}"
    family = Family(journal_dir)
    with ExitStack() as undo:
        with family.alone():
            own = family.own(workers)
            undo.callback(own.lock.close)
            name, is_new = _process_of(own.directory)
            _bring_up(target, who)
            session = _session(target, who, name)
            undo.callback(session.close)
            _patiently(session)
            process = _register(session, own.directory, name, is_new)
            filed, audit_whole = _filed(session, own, process, is_new)
            recovery = recover(own.directory, filed.position, filed.file)
            delete_filed(own.directory, filed.position)
            feed = Feed(limits.feed_frames, limits.feed_bytes)
            journal = open_journal(own.directory, recovery, feed, sync, limits)
            undo.callback(journal.close)
            if filed.position != journal.end:
                # The journal goes on in a new segment: what is appended follows the filed position without a gap.
                filed.file([], journal.end)
        reader, accounts = Reader(target, who, _READERS, _READ_S), Reader(target, who, 1, _SUM_S)
        writer = Writer(filed, journal, feed, own.directory)
        writer.start()
        undo.pop_all()
    ending = Ending(filed, journal, process, session)
    taking_over = TakingOver(family, partial(_reach, target, who))
    store = SqliteStore(writer, reader, accounts, journal, ending, [own.lock], Anchor(own.directory), process, taking_over, True)
    return Opened(store, journal, recovery, audit_whole, PostgresWakeups(target, who))


def _session(target: Target, who: str, process: str) -> Session:
    return Session(target, {"application_name": who, "lock_timeout": _LOCK_TIMEOUT}, _WRITE_S, partial(serve_as, process=process))


def _patiently(session: Session) -> None:
    until = time.monotonic() + _GHOST_S
    while True:
        try:
            return session.connect()
        except StoreInUseError:
            if time.monotonic() > until:
                raise
        time.sleep(_GHOST_LOOK_S)


def _bring_up(target: Target, who: str) -> None:
    """To this build's schema. Steps that other builds do not bear wait until none serves. Raises StoreInUseError, StoreUnavailableError."""
    session = Session(target, {"application_name": who, "lock_timeout": _LOCK_TIMEOUT}, _WRITE_S, _alone_for_what_others_do_not_bear)
    try:
        _patiently(session)
        migrate(session)
    finally:
        session.close()


def _alone_for_what_others_do_not_bear(session: Session) -> None:
    if any(step.part == "post" for step in pending(session)):
        serve_alone(session)


def _filed(session: Session, own: Place, process: Process, is_new: bool) -> tuple[PostgresFiled, bool]:
    """What is filed of the process's journal, and whether the audit has what the process saw of it."""
    chain = PostgresChain(session, Anchor(own.directory))
    rows = chain.begin(session, is_new)
    filed = PostgresFiled(session, own.directory, process, chain)
    if rows:
        filed.transaction(lambda connection: chain.append(connection, rows), durable=True)
    return filed, not any(row.what == MISMATCH for row in rows)


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


def _register(session: Session, journal_dir: Path, name: str, is_new: bool) -> Process:
    """Raises StoreUnavailableError, JournalUnavailableError."""
    place = str(journal_dir.resolve())
    if is_new:
        # The row comes first. Without its file it is nobody's, and counts as one that came to its end.
        _begin(session, name, place, gone=True)
        _keep_name(journal_dir, name)
    elif session.execute(QUERIES["filed"], (name,)).fetchone() is None:
        raise StoreUnavailableError(
            f"the store {session.shown} does not know the journal {journal_dir}: it belongs to another store, or this one was restored "
            "from before. Name the store that it belongs to, or an empty directory with --journal."
        )
    return _begin(session, name, place)


def _begin(session: Session, name: str, place: str, gone: bool = False) -> Process:
    session.script("BEGIN")
    process = begin(session, name, place)
    if gone:
        session.execute(QUERIES["process_gone"], (name,))
    session.script("COMMIT")
    return process


def _reach(target: Target, who: str, place: Place) -> TakenOver | None:
    """Files what a process that died left in its journal."""
    if not (place.directory / _PROCESS).exists():
        return None
    name, _ = _process_of(place.directory)
    session = _session(target, who, name)
    try:
        session.connect()
        row = next((row for row in process_rows(session) if row.process == name), None)
        if row is None:
            return None
        process = Process(number_of(session, name), name)
        filed = PostgresFiled(session, place.directory, process, PostgresChain(session, Anchor(place.directory)))
        if row.state == "gone" and not has_more(place.directory, filed.position):
            return None
        recovery = recover(place.directory, filed.position, filed.file)
        delete_filed(place.directory, filed.position)
        return TakenOver(name, str(place.directory), recovery.told)
    except StoreInUseError:
        # The server has not yet seen that it is gone.
        return None
    finally:
        session.close()


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
