"""The outbox of a store: news come with their facts, what changes together changes together, messages keep their order."""

import asyncio

import msgspec
from tests.contract.store import lives
from tests.contract.store.conftest import Opener

from orchvynt.model.facts import ReviewClaimed, ReviewDecided, ReviewEscalated, ReviewOpened
from orchvynt.ports.outbox import Delivered, Failed, MessageRow, News, OutboxChange, Told

HOOK = "oncall"
INV = lives.inv_id(1)


def opened(review: str = "rev_1") -> ReviewOpened:
    return ReviewOpened(INV, lives.START, review, "g", ("finance",), "", "", b"a state that is large")


def message(number: int, line: str = "a", since: int = 5) -> MessageRow:
    return MessageRow(f"msg_{number}", HOOK, line, b'{"n":%d}' % number, since, "msg_0" if number == 2 else "", number == 2)


def test_news_are_filed_with_their_facts_and_leave_with_their_message(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            pair.journal.append([lives.received(1)])
            pair.journal.append([opened()])
            pair.journal.append([ReviewClaimed(INV, lives.START, "rev_1", "ana@x.y", 9)])
            pair.journal.append([ReviewEscalated(INV, lives.START, "rev_1", "heads")])
            pair.journal.append([ReviewDecided(INV, lives.START, "rev_1", "approve", "ana@x.y", b"s")])
            await pair.store.settled()
            news = await pair.store.news(10)
            assert [msgspec.json.decode(one.fact)["fact"] for one in news] == ["review_opened", "review_escalated", "review_decided"]
            assert [one.destination for one in news] == [""] * 3
            assert msgspec.json.decode(news[0].fact)["state"] == ""
            assert await pair.store.news(1) == news[:1]
            assert await pair.store.news(10, news[0].seq) == news[1:]
            assert await pair.store.news(10, assigned=True) == []
            await pair.store.change_outbox(OutboxChange(heard=[one.seq for one in news], news=[News(0, HOOK, news[0].fact)]))
            assert await pair.store.news(10) == []
            (mine,) = await pair.store.news(10, assigned=True)
            assert (mine.destination, mine.fact) == (HOOK, news[0].fact)
            assert mine.seq > news[2].seq, "numbers are never used again"
            told = Told(HOOK, "rev_1", "msg_1", True)
            await pair.store.change_outbox(OutboxChange(heard=[mine.seq], messages=[message(1)], told=[told]))
            assert await pair.store.news(10, assigned=True) == []
            assert await pair.store.told(HOOK, ["rev_1", "rev_2"]) == [told]
            await pair.store.change_outbox(OutboxChange(told=[Told(HOOK, "rev_1", "msg_9", False)]))
            assert await pair.store.told(HOOK, ["rev_1"]) == [told], "the first message counts"
            await pair.store.change_outbox(OutboxChange(untold=[(HOOK, "rev_1")]))
            assert await pair.store.told(HOOK, ["rev_1"]) == []

    asyncio.run(run())


def test_messages_in_their_order_and_what_becomes_of_them(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            rows = [message(number) for number in (3, 1, 2)]
            await store.change_outbox(OutboxChange(messages=rows))
            await store.change_outbox(OutboxChange(messages=[msgspec.structs.replace(rows[0], body=b"other")]))
            bare = [msgspec.structs.replace(row, body=b"") for row in rows]
            assert await store.messages("waiting", 10) == bare
            assert await store.messages("waiting", 1, "msg_3") == bare[1:2]
            assert await store.message("msg_3") == rows[0], "it is there already"
            assert await store.message("msg_7") is None
            await store.change_outbox(OutboxChange(failed=[Failed("msg_1", 4, "it answered 500", "undeliverable")]))
            given_up = await store.message("msg_1")
            assert given_up == msgspec.structs.replace(rows[1], failures=4, why="it answered 500", status="undeliverable")
            assert await store.undeliverable() == {HOOK: 1}
            assert [row.id for row in await store.messages("waiting", 10)] == ["msg_3", "msg_2"]
            assert [row.id for row in await store.messages("undeliverable", 10)] == ["msg_1"]
            await store.change_outbox(OutboxChange(again=[("msg_1", 70)]))
            assert [row.id for row in await store.messages("waiting", 10)] == ["msg_3", "msg_1", "msg_2"]
            again = await store.message("msg_1")
            assert again is not None
            assert (again.failures, again.since) == (0, 70)
            await store.change_outbox(OutboxChange(delivered=[Delivered("msg_3", "C1 170.1", 50), Delivered("msg_2", "", 50)]))
            assert [row.id for row in await store.messages("waiting", 10)] == ["msg_1"]
            assert (await store.reference("msg_3"), await store.reference("msg_2")) == ("C1 170.1", "")

    asyncio.run(run())


def test_old_ones_are_forgotten_but_never_what_waits(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            store = pair.store
            await store.change_outbox(OutboxChange(messages=[message(1, since=5), message(2, since=5), message(3, since=90)]))
            await store.change_outbox(OutboxChange(failed=[Failed(f"msg_{n}", 1, "", "undeliverable") for n in (1, 3)]))
            await store.change_outbox(OutboxChange(delivered=[Delivered("msg_7", "a", 5), Delivered("msg_8", "b", 90)]))
            await store.forget_messages(50)
            assert [row.id for row in await store.messages("undeliverable", 10)] == ["msg_3"]
            assert [row.id for row in await store.messages("waiting", 10)] == ["msg_2"]
            assert (await store.reference("msg_7"), await store.reference("msg_8")) == ("", "b")

    asyncio.run(run())
