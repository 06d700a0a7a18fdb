"""The outbox over dicts."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from orchvynt.adapters.outbox import forget_news, news_of
from orchvynt.adapters.reviews import ReviewFact
from orchvynt.dialects.telling import forget_message
from orchvynt.ports.outbox import MessageRow, MessageStatus, News, OutboxChange, Told


class MemoryOutbox:
    """Implements ports.outbox.OutboxStore; the store is made of it."""

    def __init__(self) -> None:
        super().__init__()
        self._news: dict[int, News] = {}
        self._news_seq = 0
        self._messages: dict[str, MessageRow] = {}
        self._told: dict[tuple[str, str], Told] = {}
        self._whereabouts: dict[str, tuple[str, int]] = {}

    def _check_open(self) -> None:
        """Raises StoreUnavailableError where the store cannot be used."""

    def file_news(self, facts: Iterable[ReviewFact]) -> None:
        for fact in news_of(facts):
            self._add_news("", fact)

    def _add_news(self, destination: str, fact: bytes) -> None:
        self._news_seq += 1
        self._news[self._news_seq] = News(self._news_seq, destination, fact)

    def _forget_in_outbox(self, reviews: Sequence[str], names: Iterable[str]) -> None:
        self._news = {seq: replace(one, fact=forget_news(one.fact, reviews)) for seq, one in self._news.items()}
        known = frozenset(names)
        self._messages = {name: replace(one, body=forget_message(one.body, reviews, known)) for name, one in self._messages.items()}

    async def news(self, limit: int, after: int = 0, assigned: bool = False) -> list[News]:
        self._check_open()
        return [one for one in self._news.values() if one.seq > after and bool(one.destination) == assigned][:limit]

    async def messages(self, status: MessageStatus, limit: int, after: str = "") -> list[MessageRow]:
        self._check_open()
        ids = list(self._messages)
        rest = ids[ids.index(after) + 1 :] if after in self._messages else ids
        found = [replace(self._messages[name], body=b"") for name in rest if self._messages[name].status == status]
        return found[:limit]

    async def message(self, message: str) -> MessageRow | None:
        self._check_open()
        return self._messages.get(message)

    async def undeliverable(self) -> dict[str, int]:
        self._check_open()
        counts: dict[str, int] = {}
        for one in self._messages.values():
            if one.status == "undeliverable":
                counts[one.destination] = counts.get(one.destination, 0) + 1
        return counts

    async def told(self, destination: str, reviews: Sequence[str]) -> list[Told]:
        self._check_open()
        return [self._told[destination, review] for review in reviews if (destination, review) in self._told]

    async def reference(self, message: str) -> str:
        self._check_open()
        return self._whereabouts.get(message, ("", 0))[0]

    async def change_outbox(self, change: OutboxChange) -> None:
        self._check_open()
        for seq in change.heard:
            self._news.pop(seq, None)
        for one in change.news:
            self._add_news(one.destination, one.fact)
        for row in change.messages:
            self._messages.setdefault(row.id, row)
        for told in change.told:
            self._told.setdefault((told.destination, told.review), told)
        for pair in change.untold:
            self._told.pop(pair, None)
        for failed in change.failed:
            if failed.id in self._messages:
                known = self._messages[failed.id]
                self._messages[failed.id] = replace(known, failures=failed.failures, why=failed.why, status=failed.status)
        for name, since in change.again:
            if name in self._messages:
                self._messages[name] = replace(self._messages[name], failures=0, status="waiting", since=since)
        for gone in change.delivered:
            self._messages.pop(gone.id, None)
            if gone.reference:
                self._whereabouts[gone.id] = (gone.reference, gone.at)

    async def forget_messages(self, before: int) -> None:
        self._check_open()
        self._messages = {k: one for k, one in self._messages.items() if one.status == "waiting" or one.since >= before}
        self._whereabouts = {k: known for k, known in self._whereabouts.items() if known[1] >= before}
