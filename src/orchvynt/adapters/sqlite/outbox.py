"""The outbox in SQLite: news are filed with their facts; everything else changes in transactions of its own."""

import asyncio
from collections.abc import Container, Iterable, Sequence

from orchvynt.adapters.outbox import forget_news
from orchvynt.adapters.sql import Connection, Reading, Row
from orchvynt.adapters.sqlite.queries import QUERIES, run_rows
from orchvynt.adapters.sqlite.writer import Writer
from orchvynt.dialects.telling import forget_message
from orchvynt.ports.outbox import MessageRow, MessageStatus, News, OutboxChange, Told


class SqliteOutbox:
    """Implements ports.outbox.OutboxStore; the store is made of it."""

    _writer: Writer
    _reader: Reading

    async def news(self, limit: int, after: int = 0, assigned: bool = False) -> list[News]:
        rows = await self._reader.rows("news_assigned" if assigned else "news_unassigned", after, limit)
        return [News(seq, destination, bytes(fact)) for seq, destination, fact in rows]

    async def messages(self, status: MessageStatus, limit: int, after: str = "") -> list[MessageRow]:
        return [_message(row) for row in await self._reader.rows("messages", status, after, limit)]

    async def message(self, message: str) -> MessageRow | None:
        rows = await self._reader.rows("message", message)
        return _message(rows[0]) if rows else None

    async def undeliverable(self) -> dict[str, int]:
        return {str(name): int(count) for name, count in await self._reader.rows("undeliverable")}

    async def told(self, destination: str, reviews: Sequence[str]) -> list[Told]:
        def look(connection: Connection) -> list[Row]:
            found = (connection.execute(QUERIES["told"], (destination, review)).fetchone() for review in reviews)
            return [row for row in found if row is not None]

        return [Told(name, review, message, bool(alone)) for name, review, message, alone in await self._reader.run(look)]

    async def reference(self, message: str) -> str:
        rows = await self._reader.rows("whereabouts", message)
        return str(rows[0][0]) if rows else ""

    async def change_outbox(self, change: OutboxChange) -> None:
        await asyncio.wrap_future(self._writer.submit(lambda connection: _change(connection, change)))

    async def forget_messages(self, before: int) -> None:
        def work(connection: Connection) -> None:
            connection.execute(QUERIES["forget_undeliverable"], (before,))
            connection.execute(QUERIES["forget_whereabouts"], (before,))

        await asyncio.wrap_future(self._writer.submit(work))


def _message(row: Row) -> MessageRow:
    name, destination, line, body, since, answers, closes, failures, status, why = row
    return MessageRow(name, destination, line, bytes(body), since, answers, bool(closes), failures, status, why)


def _change(connection: Connection, change: OutboxChange) -> None:
    many = connection.executemany
    many(QUERIES["remove_news"], [(seq,) for seq in change.heard])
    run_rows(connection, "add_news", 2, [value for one in change.news for value in (one.destination, one.fact)])
    many(
        QUERIES["add_message"],
        [
            (one.id, one.destination, one.line, one.body, one.since, one.answers, int(one.closes), one.failures, one.status, one.why)
            for one in change.messages
        ],
    )
    many(QUERIES["add_told"], [(one.destination, one.review, one.message, int(one.alone)) for one in change.told])
    many(QUERIES["remove_told"], change.untold)
    many(QUERIES["message_failed"], [(one.id, one.failures, one.why, one.status) for one in change.failed])
    many(QUERIES["message_again"], change.again)
    many(QUERIES["remove_message"], [(one.id,) for one in change.delivered])
    many(QUERIES["add_whereabouts"], [(one.id, one.reference, one.at) for one in change.delivered if one.reference])


def forget_in_outbox(connection: Connection, reviews: Container[str], names: Iterable[str]) -> None:
    """What waits to be told stays, without what was said in these reviews and without these names. It is all read: that is not much."""
    news = [(seq, bytes(fact), forget_news(bytes(fact), reviews)) for seq, fact in connection.execute(QUERIES["all_news"])]
    connection.executemany(QUERIES["rewrite_news"], [(seq, after) for seq, before, after in news if after != before])
    known = frozenset(names)
    for seq, body in connection.execute(QUERIES["all_messages"]).fetchall():
        after = forget_message(bytes(body), reviews, known)
        if after != body:
            connection.execute(QUERIES["rewrite_message"], (seq, after))
