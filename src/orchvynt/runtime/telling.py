"""Tells what happens to reviews: reads the news that the store has filed with their facts, gathers them by destination and gate, and
files the messages. News leave the store in the transaction in which their message enters it: none is lost, and none is told twice.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from orchvynt.decisions.outbox.gathering import Batch, Gathering, Item, ReviewNews
from orchvynt.language.snapshot import Destination, Snapshot
from orchvynt.model.facts import ReviewDecided, ReviewEscalated
from orchvynt.ports.clock import Clock, Ids
from orchvynt.ports.outbox import MessageRow, News, OutboxChange, Told
from orchvynt.ports.store import ReviewRow, Store
from orchvynt.runtime.delivering import Delivering
from orchvynt.runtime.excerpts import excerpt
from orchvynt.runtime.policies import Policies
from orchvynt.runtime.review_notices import REVIEWS_MAX, Heard, body, word_of

PAGE: Final = 500
EXCERPTS_MAX: Final = 5

_decode: Final = msgspec.json.Decoder(ReviewNews).decode


class Telling:
    """`public_url` is where people reach the admin plane; it is known once that listens, and news wait until then."""

    def __init__(
        self, policies: Policies, store: Store, clock: Clock, ids: Ids, delivering: Delivering, say: Callable[[str], None]
    ) -> None:
        self.public_url = ""
        self._policies = policies
        self._store = store
        self._clock = clock
        self._ids = ids
        self._delivering = delivering
        self._say = say
        self._gathering = Gathering()
        self._gathered = 0
        self._pending: list[Batch] = []

    async def tick(self) -> None:
        """One look. Raises StoreUnavailableError; then what was not done is done at the next one."""
        if not self.public_url:
            return
        await self._assign()
        await self._gather()
        digests = {name: one.digest_ns for name, one in self._policies.current.destinations.items()}
        self._pending += self._gathering.due(self._clock.monotonic(), digests)
        while self._pending:
            # It leaves the list when it is in the store.
            await self._file(self._pending[0])
            del self._pending[0]

    async def _assign(self) -> None:
        """Says of what is new who is told of it."""
        while found := await self._store.news(PAGE):
            news: list[News] = []
            for one in found:
                fact = self._read(one.fact)
                row = await self._store.review(fact.review) if fact is not None else None
                if fact is not None and row is not None:
                    news += [News(0, name, one.fact) for name in told_of(self._policies.current, fact, row)]
            await self._store.change_outbox(OutboxChange(heard=[one.seq for one in found], news=news))
            if len(found) < PAGE:
                return

    async def _gather(self) -> None:
        mono = self._clock.monotonic()
        while found := await self._store.news(PAGE, self._gathered, assigned=True):
            for one in found:
                fact = self._read(one.fact)
                row = await self._store.review(fact.review) if fact is not None else None
                if fact is not None and row is not None:
                    self._gathering.add(one.destination, row.gate, Item(one.seq, fact), mono)
                self._gathered = one.seq

    def _read(self, fact: bytes) -> ReviewNews | None:
        try:
            return _decode(fact)
        except msgspec.MsgspecError as error:
            self._say(f"news of a review cannot be read by this build, so nobody is told: {error}")
            return None

    async def _file(self, batch: Batch) -> None:
        """The messages of one batch, and all that goes with them, at once."""
        snapshot = self._policies.current
        destination = snapshot.destinations.get(batch.destination)
        heard = [item.seq for item in batch.items] + list(batch.superseded)
        if destination is None:
            await self._store.change_outbox(OutboxChange(heard=heard))
            self._say(f"{len(batch.items)} news of reviews were for {batch.destination}, which the policy no longer has")
            return
        messages: list[MessageRow] = []
        told: list[Told] = []
        for thread, items in await self._parts(batch):
            made = await self._message(destination, batch, items, thread)
            messages.append(made)
            if batch.kind == "asks" and thread is None:
                told += [Told(destination.name, item.fact.review, made.id, len(items) == 1) for item in items]
        untold = [(destination.name, item.fact.review) for item in batch.items] if batch.kind == "outcomes" else []
        await self._store.change_outbox(OutboxChange(heard=heard, messages=messages, told=told, untold=untold))
        self._delivering.adopt(messages)

    async def _parts(self, batch: Batch) -> list[tuple[Told | None, list[Item]]]:
        """What makes one message each: what opened; and, for the thread of each message that asked before, what became of it since. What
        nobody was asked about yet makes a message of its own."""
        latest = {item.fact.review: item for item in batch.items}
        later = [review for review, item in latest.items() if word_of(item.fact) != "opened"]
        known = {one.review: one for one in await self._store.told(batch.destination, later)}
        parts: dict[tuple[str, str], tuple[Told | None, list[Item]]] = {}
        for review, item in latest.items():
            thread = known.get(review)
            place = (batch.kind if batch.kind == "outcomes" else word_of(item.fact), thread.message if thread is not None else "")
            parts.setdefault(place, (thread, []))[1].append(item)
        return list(parts.values())

    async def _message(self, destination: Destination, batch: Batch, items: Sequence[Item], thread: Told | None) -> MessageRow:
        snapshot, at = self._policies.current, self._clock.now()
        heard: list[Heard] = []
        for item in items[:REVIEWS_MAX]:
            row = await self._store.review(item.fact.review)
            assert row is not None, "news are of reviews that the store has"
            some = destination.excerpt and len(heard) < EXCERPTS_MAX and batch.kind == "asks"
            heard.append(Heard(item.fact, row, await self._excerpt(item.fact.review) if some else ""))
        # Only what is shown is read; the rest is counted.
        heard += [Heard(item.fact, heard[0].row) for item in items[REVIEWS_MAX:]]
        written = body(snapshot, destination, batch.gate, heard, at, self.public_url)
        row_made = MessageRow(self._ids.new("msg"), destination.name, f"reviews {batch.gate}", written, at)
        if thread is None:
            return row_made
        return replace(row_made, answers=thread.message, closes=thread.alone and batch.kind == "outcomes")

    async def _excerpt(self, review: str) -> str:
        state = await self._store.review_state(review)
        return excerpt(self._policies.current, state) if state is not None else ""


def told_of(snapshot: Snapshot, fact: ReviewNews, row: ReviewRow) -> list[str]:
    """The destinations that are told: those of the gate or the budget; of an escalation those of the group instead, if it has any; of the
    outcome all of these."""
    if isinstance(fact, ReviewDecided):
        return hears_of(snapshot, row)
    own = _own(snapshot, row)
    if isinstance(fact, ReviewEscalated):
        group = snapshot.groups.get(fact.to)
        own = group.notify if group is not None and group.notify else own
    return [name for name in dict.fromkeys(own) if name in snapshot.destinations]


def hears_of(snapshot: Snapshot, row: ReviewRow) -> list[str]:
    """Everybody who is told of a review in the course of it, as it stands."""
    groups = [snapshot.groups[name] for name in row.reviewers[1:] if name in snapshot.groups]
    every = (*_own(snapshot, row), *(name for group in groups for name in group.notify))
    return [name for name in dict.fromkeys(every) if name in snapshot.destinations]


def _own(snapshot: Snapshot, row: ReviewRow) -> tuple[str, ...]:
    if row.stage == "budget":
        return next((budget.notify for budget in snapshot.budgets if f"budget {budget.name}" == row.gate), ())
    return next((gate.notify for gate in snapshot.gates if gate.name == row.gate), ())
