"""What processes of one store keep there for one another, in SQLite. Nothing of it need survive a loss of power: the processes do not."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from orchvynt.adapters.sql import Connection, Reading, Row
from orchvynt.adapters.sqlite.parked import read_parked_of
from orchvynt.adapters.sqlite.queries import QUERIES
from orchvynt.adapters.sqlite.review_changes import number_changes
from orchvynt.adapters.sqlite.writer import Writer
from orchvynt.ports.parked import ParkedRow
from orchvynt.ports.peers import TOLD_NS, Pulse, Question, Served, Tenure

T = TypeVar("T")

_encode: Final = msgspec.json.Encoder().encode
_decode_served: Final = msgspec.json.Decoder(Served).decode


class SqlitePeers:
    """Implements ports.peers.PeerStore; the store is made of it."""

    _writer: Writer
    _reader: Reading

    async def pulse(self) -> Pulse:
        return Pulse(*(await self._reader.rows("pulse"))[0])

    async def put_served(self, served: Served) -> None:
        await self._shared("put_served", (served.process, _encode(served)))

    async def served(self) -> list[Served]:
        return [_decode_served(row) for (row,) in await self._reader.rows("served")]

    async def ask(self, question: Question) -> None:
        await self._shared("ask", msgspec.structs.astuple(question))

    async def questions(self, to: str) -> list[Question]:
        return [Question(name, asked, by, what, bytes(body)) for name, asked, by, what, body in await self._reader.rows("questions", to)]

    async def answer(self, question: str, answer: bytes) -> bool:
        return await self._shared("answer", (answer, question))

    async def answer_to(self, question: str) -> bytes | None:
        rows = await self._reader.rows("answer_to", question)
        return bytes(rows[0][0]) if rows else None

    async def take_back(self, question: str) -> None:
        await self._shared("take_back", (question,))

    async def take_tenure(self, name: str, process: str, for_ns: int, said: str = "") -> Tenure:
        def work(connection: Connection) -> Tenure:
            asked = {"name": name, "process": process, "for_ns": for_ns, "said": said}
            connection.execute(QUERIES["take_tenure"], asked)
            return Tenure(*connection.execute(QUERIES["tenure"], (name,)).fetchone())

        return await self._work(work)

    async def end_tenures(self, ended: Sequence[Tenure]) -> None:
        def work(connection: Connection) -> None:
            connection.executemany(QUERIES["end_tenure"], [msgspec.structs.astuple(one) for one in ended])

        await self._work(work)

    async def forget_peer(self, process: str) -> None:
        def work(connection: Connection) -> None:
            for name in ("forget_served", "forget_tenures", "forget_questions"):
                connection.execute(QUERIES[name], (process,))

        await self._work(work)

    async def changed_reviews(self, after: int, limit: int) -> list[tuple[int, str]]:
        return [(int(number), str(inv)) for number, inv in await self._reader.rows("changed_reviews", after, limit)]

    async def parked_of(self, invocations: Sequence[str]) -> list[ParkedRow]:
        return await self._reader.run(lambda connection: read_parked_of(connection, invocations))

    async def review_owner(self, review: str) -> str:
        rows = await self._reader.rows("review_owner", review)
        return str(rows[0][0]) if rows else ""

    async def adopt_review(self, review: str, was: str, process: str) -> bool:
        def work(connection: Connection) -> bool:
            if not connection.execute(QUERIES["adopt_review"], (process, review, was)).rowcount:
                return False
            row = connection.execute(QUERIES["review"], (review,)).fetchone()
            number_changes(connection, [row[1]] if row is not None else [])
            return True

        return await self._work(work)

    async def adopt_reviews(self, process: str, living: Sequence[str]) -> list[str]:
        def work(connection: Connection) -> list[str]:
            known = {"living": _encode(living).decode(), "process": process}
            found = connection.execute(QUERIES["orphaned_reviews"], known).fetchall()
            connection.executemany(QUERIES["adopt_review"], [(process, review, was) for review, _, was in found])
            invocations = list(dict.fromkeys(str(inv) for _, inv, _ in found))
            number_changes(connection, invocations)
            return invocations

        return await self._work(work)

    async def cut_off(self, process: str, at: int) -> None:
        def work(connection: Connection) -> None:
            cut = connection.execute(QUERIES["cut_off"], {"process": process, "at": at, "since": at - TOLD_NS}).fetchall()
            number_changes(connection, [str(inv) for (inv,) in cut])

        await self._work(work)

    async def _shared(self, name: str, values: Row) -> bool:
        """→ whether a row changed."""
        return await self._work(lambda connection: connection.execute(QUERIES[name], values).rowcount > 0)

    async def _work(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._writer.submit(work, durable=False))
