"""The embedded store: answers the port's questions from SQLite. Writes go through the writer, questions through the reader."""

import asyncio
from collections.abc import Sequence

import msgspec

from orchvynt.adapters.journal.file import FileJournal
from orchvynt.adapters.journal.frames import decode_record
from orchvynt.adapters.projection import REFERENCE_CHARS_MAX
from orchvynt.adapters.reviews import newest_state
from orchvynt.adapters.spending import WINDOW_NS_MAX
from orchvynt.adapters.sql import Closing, Connection, Reading, Row
from orchvynt.adapters.sqlite.anchor import Anchor
from orchvynt.adapters.sqlite.answered import answered
from orchvynt.adapters.sqlite.audit_store import SqliteAudit
from orchvynt.adapters.sqlite.changes import change_values, read_change, read_changes
from orchvynt.adapters.sqlite.filing import carry, kept_row, review_row
from orchvynt.adapters.sqlite.grants import grant_row
from orchvynt.adapters.sqlite.inbox import reviews_page
from orchvynt.adapters.sqlite.lease_store import SqliteLeases
from orchvynt.adapters.sqlite.leases import forget_ended
from orchvynt.adapters.sqlite.moving import SqliteMoving
from orchvynt.adapters.sqlite.outbox import SqliteOutbox
from orchvynt.adapters.sqlite.parked import read_parked
from orchvynt.adapters.sqlite.peers import SqlitePeers
from orchvynt.adapters.sqlite.people import SqlitePeople
from orchvynt.adapters.sqlite.processes import SqliteProcesses
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.adapters.sqlite.rates import SqliteRates
from orchvynt.adapters.sqlite.receipts import receipts, spent
from orchvynt.adapters.sqlite.registering import Process
from orchvynt.adapters.sqlite.writer import Writer
from orchvynt.adapters.taking_over import TakingOver
from orchvynt.model.facts import AnyFact, BudgetGranted, HoldPlaced
from orchvynt.model.ids import invocation_of
from orchvynt.model.repeats import AnswerKept
from orchvynt.ports.backlog import Backlog
from orchvynt.ports.carried import NOTHING_CARRIED, Carried
from orchvynt.ports.changes import ChangeRow
from orchvynt.ports.parked import ParkedRow
from orchvynt.ports.receipts import ReceiptRow, Spent
from orchvynt.ports.reviews import ReviewsAsked
from orchvynt.ports.store import (
    FeedbackRow,
    InvocationRow,
    KeyRow,
    OpenHold,
    PolicyRow,
    ReviewRow,
    SpendRow,
    StoreUnavailableError,
    TokenRow,
)

_FIND_MAX = 100


class SqliteStore(SqliteAudit, SqliteLeases, SqliteMoving, SqliteOutbox, SqlitePeers, SqlitePeople, SqliteProcesses, SqliteRates):
    """Implements ports.store.Store. It owns the journal that it files: `close()` closes both."""

    def __init__(
        self,
        writer: Writer,
        reader: Reading,
        accounts: Reading,
        journal: FileJournal,
        connection: Closing,
        locks: Sequence[Closing],
        anchor: Anchor,
        process: Process,
        taking_over: TakingOver,
        is_shared: bool,
    ) -> None:
        self._writer = writer
        self._reader = reader
        # Summing a month takes a second where it was a busy one: nobody else's question waits behind it.
        self._accounts = accounts
        self._journal = journal
        self._connection = connection
        self._locks = locks
        self._anchor = anchor
        self._process = process
        self._taking_over = taking_over
        self._is_shared = is_shared

    def backlog(self) -> Backlog:
        return Backlog(self._journal.end, self._writer.filed, self._writer.problem)

    def unfiled_bytes(self) -> int:
        """What the journal holds beyond what is committed here; over several segments with their headers."""
        (segment, offset), (last, end) = self._writer.filed, self._journal.end
        return end - offset if segment == last else self._journal.size_bytes() - offset

    async def settled(self) -> None:
        await answered(self._writer.when_filed())

    async def facts(self, inv: str) -> list[AnyFact]:
        bodies = [bytes(body) for (body,) in await self._reader.rows("frames_of", inv)]
        try:
            return [fact for body in bodies for fact in decode_record(body)]
        except msgspec.MsgspecError as error:
            raise StoreUnavailableError(
                f"the record of {inv} holds facts that this build does not know ({error}). Read it with the build that wrote it."
            ) from None

    async def find(self, reference: str) -> list[str]:
        if reference == "last":
            return [str(inv) for (inv,) in await self._reader.rows("find_last")]
        reference = reference.encode(errors="replace").decode()

        def look(connection: Connection) -> list[str]:
            rows = connection.execute(QUERIES["find_inv"], (invocation_of(reference),)).fetchall()
            rows = rows or connection.execute(QUERIES["find_reference"], (reference[:REFERENCE_CHARS_MAX], _FIND_MAX)).fetchall()
            return [str(inv) for (inv,) in rows]

        return await self._reader.run(look)

    async def run(self, run: str) -> list[str]:
        name = run.encode(errors="replace").decode()

        def look(connection: Connection) -> list[str]:
            named = connection.execute(QUERIES["find_reference"], (name[:REFERENCE_CHARS_MAX], _FIND_MAX)).fetchall()
            first = connection.execute(QUERIES["find_inv"], (name,)).fetchall()
            return sorted({str(inv) for (inv,) in (*named, *first)}, reverse=True)[:_FIND_MAX]

        return await self._reader.run(look)

    async def invocations(self, limit: int, before: str) -> list[InvocationRow]:
        rows = await (self._reader.rows("older_invocations", limit, before) if before else self._reader.rows("newest_invocations", limit))
        return [InvocationRow(*row) for row in rows]

    async def feedback(self, limit: int) -> list[FeedbackRow]:
        return [FeedbackRow(*row) for row in await self._reader.rows("newest_feedback", limit)][::-1]

    async def spend(self, now: int = 0) -> list[SpendRow]:
        return [SpendRow(*row) for row in await self._reader.rows("spend", now, now - WINDOW_NS_MAX)]

    async def forget_spend(self, ended_before: int, lifetimes: Sequence[tuple[str, str, int]]) -> None:
        def work(connection: Connection) -> None:
            connection.execute(QUERIES["forget_ended_spend"], (ended_before, ended_before - WINDOW_NS_MAX))
            connection.executemany(QUERIES["forget_lifetime"], lifetimes)
            forget_ended(connection, ended_before)

        await answered(self._writer.submit(work))

    async def renamed(self) -> list[tuple[str, str]]:
        return [(str(was), str(name)) for was, name in await self._reader.rows("renamed")]

    async def grants(self) -> list[BudgetGranted]:
        return [grant_row(row) for row in await self._reader.rows("grants")]

    async def grant(self, grant: str) -> BudgetGranted | None:
        rows = await self._reader.rows("grant", grant)
        return grant_row(rows[0]) if rows else None

    async def receipts(self, begin: int, end: int, limit: int, after: tuple[int, str] = (0, "")) -> list[ReceiptRow]:
        return await self._accounts.run(lambda connection: receipts(connection, begin, end, limit, after))

    async def spent(self, begin: int, end: int, by: Sequence[str], limit: int) -> Spent:
        return await self._accounts.run(lambda connection: spent(connection, begin, end, by, limit))

    async def open_holds(self, process: str = "") -> list[OpenHold]:
        rows = await self._reader.rows("open_holds", process or self.process)
        holds = [(msgspec.json.decode(placed, type=HoldPlaced), sent_at) for placed, sent_at in rows]
        return [OpenHold(placed.inv, placed.attempt, placed, sent_at) for placed, sent_at in holds]

    async def unfinished(self, process: str = "") -> list[str]:
        return [str(inv) for (inv,) in await self._reader.rows("unfinished", process or self.process)]

    async def parked(self, now: int, joinable_ns: int) -> list[ParkedRow]:
        return await self._reader.run(lambda connection: read_parked(connection, now, joinable_ns))

    async def reviews_page(self, asked: ReviewsAsked) -> list[ReviewRow]:
        return await self._reader.run(lambda connection: reviews_page(connection, asked))

    async def review(self, review: str) -> ReviewRow | None:
        rows = await self._reader.rows("review", review)
        return review_row(rows[0]) if rows else None

    async def review_state(self, review: str) -> bytes | None:
        row = await self.review(review)
        return None if row is None else newest_state(await self.facts(row.inv), review)

    async def kept_answer(self, scope: str) -> AnswerKept | None:
        rows = await self._reader.rows("kept_answer", scope)
        return kept_row(rows[0]) if rows else None

    async def forget_answers(self, now: int) -> None:
        await self._change("forget_answers", (now,))

    async def policies(self) -> list[PolicyRow]:
        return [PolicyRow(*row) for row in await self._reader.rows("policies")]

    async def policy(self, version: int) -> PolicyRow | None:
        rows = await self._reader.rows("policy", version)
        return PolicyRow(*rows[0]) if rows else None

    async def add_policy(
        self,
        yaml: str,
        digest: str,
        message: str,
        author: str,
        at: int,
        expected: int | None,
        commit: str,
        until: int = 0,
        carried: Carried = NOTHING_CARRIED,
    ) -> PolicyRow | None:
        def work(connection: Connection) -> PolicyRow | None:
            current = int(connection.execute(QUERIES["policy_version"]).fetchone()[0])
            if expected is not None and expected != current:
                return None
            row = PolicyRow(current + 1, digest, yaml, message, author, at, commit, until)
            connection.execute(QUERIES["add_policy"], msgspec.structs.astuple(row))
            carry(connection, carried)
            return row

        return await answered(self._writer.submit(work))

    async def add_change(self, row: ChangeRow) -> None:
        await self._change("add_change", change_values(row))

    async def change(self, change: str) -> ChangeRow | None:
        return await read_change(self._reader, change)

    async def changes(self, only_open: bool) -> list[ChangeRow]:
        return await read_changes(self._reader, only_open)

    async def put_change(self, row: ChangeRow) -> bool:
        _, _, is_open, revision, _, body = change_values(row)
        return await self._change("put_change", (is_open, revision, body, row.change))

    async def tokens(self) -> list[TokenRow]:
        return [TokenRow(*row) for row in await self._reader.rows("tokens")]

    async def add_token(self, token: TokenRow) -> bool:
        return await self._change("add_token", msgspec.structs.astuple(token))

    async def remove_token(self, name: str) -> bool:
        return await self._change("remove_token", (name,))

    async def keys(self) -> list[KeyRow]:
        return [KeyRow(*row) for row in await self._reader.rows("keys")]

    async def add_key(self, key: KeyRow, others_expire_at: int = 0) -> bool:
        def work(connection: Connection) -> bool:
            if not connection.execute(QUERIES["add_key"], msgspec.structs.astuple(key)).rowcount:
                return False
            if others_expire_at:
                connection.execute(QUERIES["expire_other_keys"], (key.name, key.id, others_expire_at))
            connection.execute(QUERIES["keys_changed"])
            return True

        return await answered(self._writer.submit(work))

    async def remove_key(self, key_id: str) -> bool:
        def work(connection: Connection) -> bool:
            connection.execute(QUERIES["keys_changed"])
            return connection.execute(QUERIES["remove_key"], (key_id,)).rowcount > 0

        return await asyncio.wrap_future(self._writer.submit(work))

    async def use_keys(self, used: Sequence[tuple[str, int]]) -> None:
        def work(connection: Connection) -> None:
            connection.executemany(QUERIES["use_key"], used)

        await answered(self._writer.submit(work))

    async def alerting(self) -> bytes | None:
        rows = await self._reader.rows("alerting")
        return bytes(rows[0][0]) if rows else None

    async def keep_alerting(self, memory: bytes) -> None:
        await self._change("keep_alerting", (memory,))

    async def close(self) -> None:
        """Files what the journal holds, then lets go of everything. What could not be filed is filed at the next start."""
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self._journal.close()
        self._writer.close()
        self._reader.close()
        self._accounts.close()
        self._connection.close()
        self._taking_over.close()
        for lock in self._locks:
            lock.close()

    async def _change(self, name: str, values: Row) -> bool:
        """→ whether a row changed."""
        return await answered(self._writer.submit(lambda connection: connection.execute(QUERIES[name], values).rowcount > 0))
