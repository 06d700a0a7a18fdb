"""Writes to PostgreSQL for the writer's thread: a batch of the journal exactly once, and other changes in transactions of their own.

A commit whose answer was lost may have been done, or not: the filed position, read under its row's lock, decides.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from orchvynt.adapters.journal.positions import Frame, Position
from orchvynt.adapters.journal.recovery import delete_filed
from orchvynt.adapters.journal.segments import list_segments
from orchvynt.adapters.postgres.chain import PostgresChain
from orchvynt.adapters.postgres.session import QUERIES, Session
from orchvynt.adapters.sql import Connection
from orchvynt.adapters.sqlite.filing import batch_of, file_batch
from orchvynt.adapters.sqlite.registering import Process
from orchvynt.ports.store import StoreInUseError, StoreUnavailableError

T = TypeVar("T")

BLOCK: Final = 4096
"""Numbers that a batch takes for its records; step 001 says the same."""

# What forgetting and dropping take from. Their dead rows are cleared away at once, indexes later: they hold ids only.
_CLEARED: Final = ("frames", "reviews", "invocations", "kept_answers", "evidence", "audit_words", "news", "messages")
_CLEARING_S: Final = 600.0


class PostgresFiled:
    """Implements sqlite.written.Filing for a process, which has its row (`opening`). One thread uses it at a time."""

    def __init__(self, session: Session, journal_dir: Path, process: Process, chain: PostgresChain) -> None:
        self._session = session
        self._journal_dir = journal_dir
        self._process = process
        self.chain = chain
        self._position = self._read_position()

    @property
    def position(self) -> Position:
        return self._position

    def file(self, frames: list[Frame], position: Position) -> None:
        assert len(frames) <= BLOCK

        def work(connection: Connection) -> Position:
            found = self._read_position()
            if found != self._position:
                return found
            (seq,) = connection.execute(QUERIES["next_seq"]).fetchone()
            file_batch(connection, batch_of(frames, seq), position, self.chain, self._process)
            return position

        try:
            filed = self.transaction(work, durable=True)
        except (ValueError, OverflowError, TypeError) as error:
            # Nobody else can mend it: it is said, and the journal keeps what is not filed.
            raise StoreUnavailableError(f"the store {self._session.shown} cannot take a record: {error} This is a defect.") from error
        if filed != position:
            self._check_kept(filed)
        if filed[0] != self._position[0]:
            delete_filed(self._journal_dir, filed)
        self._position = filed

    def transaction(self, work: Callable[[Connection], T], durable: bool) -> T:  # noqa: ARG002 - here every commit is
        session = self._session
        try:
            self._begin()
            result = work(session)
            self.chain.before_commit()
            self._commit()
            self.chain.committed()
            return result
        except BaseException:
            self._roll_back()
            raise
        finally:
            self.chain.rolled_back()

    def transaction_without_traces(self, work: Callable[[Connection], T], durable: bool) -> T:
        """The rows as they were before are cleared out of the tables. Raises StoreUnavailableError also where it was done, and that not."""
        done = self.transaction(work, durable)
        try:
            for table in _CLEARED:
                self._session.script(f"VACUUM (INDEX_CLEANUP OFF, TRUNCATE OFF) {table}", _CLEARING_S)
        except StoreUnavailableError as error:
            raise StoreUnavailableError(
                f"what was taken from the store {self._session.shown} is gone, but its tables still hold what was there before: {error} "
                "Do the same once more: it ends that."
            ) from error
        return done

    def _read_position(self) -> Position:
        row = self._session.execute(QUERIES["filed"], (self._process.id,)).fetchone()
        if row is None:
            raise StoreUnavailableError(
                f"the store {self._session.shown} does not know this journal any more: it was restored, or replaced. Stop serve, and start "
                "it with the store that belongs to the journal."
            )
        return int(row[0]), int(row[1])

    def _check_kept(self, filed: Position) -> None:
        """Further on: a commit whose answer was lost. Further back: the server lost what it had confirmed; the journal may have it."""
        kept = list_segments(self._journal_dir)
        if filed < self._position and (not kept or filed[0] < kept[0]):
            raise StoreUnavailableError(
                f"the store {self._session.shown} lost records that it had confirmed, and the journal does not hold them any more: it was "
                "restored from a backup, or a standby took over that was behind. Stop serve and restore what is newer."
            )

    def _begin(self) -> None:
        session = self._session
        rested = session.is_connected
        try:
            session.connect()
            session.script("BEGIN")
        except StoreInUseError as error:
            raise StoreUnavailableError(str(error)) from error
        except StoreUnavailableError:
            # A connection that was cut while it rested is seen only now; a new one may be had.
            if not rested or session.is_connected:
                raise
            try:
                session.connect()
            except StoreInUseError as error:
                raise StoreUnavailableError(str(error)) from error
            session.script("BEGIN")

    def _commit(self) -> None:
        try:
            self._session.script("COMMIT")
        except StoreUnavailableError as error:
            self._session.drop()
            raise StoreUnavailableError(f"{error} It is not known whether the change was written: look before it is made again.") from error

    def _roll_back(self) -> None:
        if self._session.is_connected:
            try:
                self._session.script("ROLLBACK")
            except StoreUnavailableError:
                self._session.drop()
