"""The one thread that writes: it files what the journal took, in batches, and runs durable transactions in between.

Whatever fails is rolled back and read again from the journal's file, because the filed position did not move. It decides nothing.
"""

import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final, NamedTuple, TypeVar

from orchvynt.adapters.journal.feed import Feed
from orchvynt.adapters.journal.file import FileJournal
from orchvynt.adapters.journal.positions import Frame, Position
from orchvynt.adapters.journal.recovery import delete_filed
from orchvynt.adapters.journal.segments import read_behind
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.auditing import AuditChain
from orchvynt.adapters.sqlite.connection import SqliteConnection
from orchvynt.adapters.sqlite.faults import unavailable
from orchvynt.adapters.sqlite.filing import batch_of, file_batch, number_from
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.adapters.sqlite.registering import Process
from orchvynt.adapters.sqlite.written import Filing
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import StoreUnavailableError

T = TypeVar("T")

BATCH_FRAMES: Final = 3000
_BATCH_BYTES: Final = 8 * 1024 * 1024
# Whoever reads waits for what is in the journal, and ends this. A longer one makes fewer rows: what begins and ends within it is one.
_LINGER_S: Final = 0.25
_LOOK_S: Final = 5.0
_BACKOFF_FIRST_S: Final = 0.1
_BACKOFF_MAX_S: Final = 5.0
_WAITING_MAX: Final = 1000
_EMPTYING_TRIES: Final = 3


class _Job(NamedTuple):
    """`run` gives whether the store took it, or could have."""

    run: Callable[[], bool]
    fail: Callable[[StoreUnavailableError], None]


class Filed:
    """What is committed of a process's journal: the position in it. The writer's thread alone changes it."""

    def __init__(self, connection: SqliteConnection, path: Path, journal_dir: Path, process: Process, chain: AuditChain) -> None:
        self._connection = connection
        self._path = str(path)
        self._journal_dir = journal_dir
        self._process = process
        self.chain = chain
        self._next_seq = 0
        try:
            segment, offset = connection.execute(QUERIES["filed"], (process.id,)).fetchone()
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error
        self._position: Position = (segment, offset)

    @property
    def position(self) -> Position:
        return self._position

    def file(self, frames: list[Frame], position: Position) -> None:
        """One transaction: frames, projections and position, or nothing. Raises StoreUnavailableError."""
        # INVARIANT: a segment is deleted only after a commit that survives a loss of power says that it is filed.
        leaves_segment = position[0] != self.position[0]
        batch = batch_of(frames, self._next_seq)

        def work(connection: Connection) -> None:
            (first,) = connection.execute(QUERIES["next_seq"]).fetchone()
            number_from(batch, self._next_seq, int(first))
            file_batch(connection, batch, position, self.chain, self._process)

        # What has entries of the audit survives a loss of power: its anchor outside of the database does.
        durable = leaves_segment or bool(batch.audited)
        self.transaction(work, durable)
        self._next_seq = batch.next_seq
        self._position = position
        if leaves_segment:
            delete_filed(self._journal_dir, position)

    def transaction_without_traces(self, work: Callable[[Connection], T], durable: bool) -> T:
        """As `transaction`; the log that holds the pages of before is emptied then. Raises StoreUnavailableError also where it was done,
        and the log could not be emptied."""
        done = self.transaction(work, durable)
        if not any(self.empty_log() for _ in range(_EMPTYING_TRIES)):
            raise StoreUnavailableError(
                f"what was taken from the store {self._path} is gone, but its log still holds pages of before, which somebody reads. "
                "Do the same once more: it ends that."
            )
        return done

    def empty_log(self) -> bool:
        """Whether the log is empty now: not while somebody reads what is in it, whom this waits for as long as for a foreign lock."""
        try:
            (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False
        return not busy

    def transaction(self, work: Callable[[Connection], T], durable: bool) -> T:
        connection = self._connection
        try:
            if durable:
                connection.execute("PRAGMA synchronous = FULL")
            try:
                connection.execute("BEGIN IMMEDIATE")
                result = work(connection)
                self.chain.before_commit()
                connection.execute("COMMIT")
                self.chain.committed()
                return result
            finally:
                self.chain.rolled_back()
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if durable:
                    connection.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error


class Writer:
    """Started by `start()`. `problem` is why filing does not work at present; empty while it does."""

    def __init__(self, filed: Filing, journal: FileJournal, feed: Feed, journal_dir: Path) -> None:
        self._filed = filed
        self._journal = journal
        self._feed = feed
        self._journal_dir = journal_dir
        self._hurry = Event()
        self._closing = False
        self._entry = Lock()
        self._jobs: deque[_Job] = deque()
        self._waiters: deque[tuple[Position, Future[None]]] = deque()
        self._backoff_s = 0.0
        self._look_due = False
        self.problem = ""
        self._thread = Thread(target=self._run, name="orchvynt-store", daemon=True)

    @property
    def filed(self) -> Position:
        """Up to where the journal is committed here."""
        return self._filed.position

    @property
    def chain(self) -> AuditChain:
        """For what is submitted here: only the writer's thread may append to it."""
        return self._filed.chain

    def start(self) -> None:
        self._thread.start()

    def submit(self, work: Callable[[Connection], T], securely: bool = False, durable: bool = True) -> Future[T]:
        """Runs `work` in a transaction of its own that survives a loss of power, where it is `durable`. `securely`: what it takes away is
        overwritten."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # from here on no cancellation can meet the writer's answer

        def run() -> bool:
            try:
                run_one = self._filed.transaction_without_traces if securely else self._filed.transaction
                future.set_result(run_one(work, durable))
            except StoreUnavailableError as error:
                self.problem = str(error)
                future.set_exception(error)
                return False
            except (ValueError, OverflowError, TypeError) as error:
                # A value that the database cannot hold is its sender's mistake and must not stop the filing.
                future.set_exception(error)
            return True

        self._enter(lambda: self._jobs.append(_Job(run, future.set_exception)))
        return future

    def when_filed(self) -> Future[None]:
        """Done when all that is in the journal now is committed; fails if it cannot be now."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        target = self._journal.end
        if self._filed.position >= target:
            future.set_result(None)
        else:
            self._enter(lambda: self._waiters.append((target, future)))
        return future

    def close(self) -> None:
        """Files what there is, if that is possible, and ends the thread. Blocks."""
        with self._entry:
            self._closing = True
        self._wake()
        if self._thread.ident is not None:
            self._thread.join()

    def _enter(self, add: Callable[[], None]) -> None:
        with self._entry:
            if self._closing:
                raise StoreUnavailableError("the store is closed.")
            if len(self._jobs) + len(self._waiters) >= _WAITING_MAX:
                raise StoreUnavailableError(f"{_WAITING_MAX} calls wait for the store already. Try again later.")
            add()
        self._wake()

    def _wake(self) -> None:
        self._hurry.set()
        self._feed.arrived.set()

    def _run(self) -> None:
        try:
            while not self._closing:
                self._rest()
                self._hurry.clear()
                if not self.problem:
                    self._run_jobs()
                self._file_all()
                if self._jobs:
                    self._wake()
            self._run_jobs()
            self._file_all()
        finally:
            # Also after a defect: nobody may wait for a thread that is gone.
            with self._entry:
                self._closing = True
            self.problem = self.problem or "the store is closed."
            self._fail_waiting(StoreUnavailableError(self.problem))

    def _rest(self) -> None:
        """Sleeps until there is something to file, then a little longer, so that one transaction carries many frames."""
        feed = self._feed
        feed.arrived.clear()
        feed.taker_rests = True
        # The flag is up before this look: what is appended after the look wakes us, what came before it is seen.
        if not self._behind() and not self._hurry.is_set():
            self._look_due = not feed.arrived.wait(self._backoff_s or _LOOK_S)
        feed.taker_rests = False
        self._hurry.wait(self._backoff_s or _LINGER_S)

    def _behind(self) -> bool:
        return self._filed.position < self._journal.end

    def _run_jobs(self) -> None:
        """Up to the first that the store does not take. The others wait for a look at it: each would wait for the same lock in vain, and
        while some come all the time nobody would be told that the store is away."""
        while self._jobs and self._jobs.popleft().run():
            pass

    def _file_all(self) -> None:
        target = self._journal.end
        try:
            while self._filed.position < target:
                self._filed.file(*self._take())
                self._worked()
            if self._look_due or self.problem:
                # With nothing to file, too, it is known whether the store is there.
                self._look_due = False
                self._filed.transaction(lambda _: None, durable=False)
        except StoreUnavailableError as error:
            self._failed(str(error))
        except JournalUnavailableError as error:
            self._failed(f"the store cannot be filled: {error}")
        except OSError as error:
            self._failed(f"the store cannot be filled: the journal cannot be read back ({error.strerror or error}).")
        else:
            self._worked()

    def _failed(self, problem: str) -> None:
        self.problem = problem
        self._backoff_s = min(max(self._backoff_s * 2, _BACKOFF_FIRST_S), _BACKOFF_MAX_S)
        self._fail_waiting(StoreUnavailableError(problem))

    def _take(self) -> tuple[list[Frame], Position]:
        """The next frames in the journal's order, from the queue, or from the file where the queue left some out."""
        position = self._filed.position
        frames = self._feed.take(position, BATCH_FRAMES, _BATCH_BYTES)
        if frames:
            return frames, frames[-1].end
        return read_behind(self._journal_dir, position, self._feed.begins_at() or self._journal.end, BATCH_FRAMES)

    def _worked(self) -> None:
        self.problem = ""
        self._backoff_s = 0.0
        position = self._filed.position
        while self._waiters and self._waiters[0][0] <= position:
            self._waiters.popleft()[1].set_result(None)

    def _fail_waiting(self, error: StoreUnavailableError) -> None:
        while self._jobs:
            self._jobs.popleft().fail(error)
        while self._waiters:
            self._waiters.popleft()[1].set_exception(error)
