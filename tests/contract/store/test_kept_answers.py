"""What the callers of idempotency keys were told: found by scope, in no record, dropped when it has expired."""

import asyncio

import msgspec
from tests.contract.store import lives, naive
from tests.contract.store.conftest import Opener

from orchvynt.model.repeats import AnswerKept, AnswerRepeated

KEPT = AnswerKept(
    lives.inv_id(0), lives.START, "scope-0", "request-0", lives.START + 100, 200, "text/event-stream",
    (("x-orchvynt-model", "gpt-4o"), ("x-orchvynt-rule", "é")), b"data: \x00\xff\n\n", True,
)  # fmt: skip


def test_a_kept_answer_comes_back_word_for_word_and_enters_no_record(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            frames = [frame for number in range(3) for frame in lives.life(number)]
            refused = msgspec.structs.replace(
                KEPT, scope="scope-1", status=400, content_type="application/json", headers=(), body=b"", streamed=False
            )
            for frame in frames:
                pair.journal.append(frame)
            pair.journal.append_all([(KEPT,), (refused,)])
            await pair.store.settled()
            assert await pair.store.kept_answer("scope-0") == KEPT
            assert await pair.store.kept_answer("scope-1") == refused
            assert await pair.store.kept_answer("scope-2") is None
            await naive.check(pair.store, frames)

    asyncio.run(run())


def test_a_kept_answer_of_an_unknown_invocation_makes_no_record(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            pair.journal.append((KEPT,))
            await pair.store.settled()
            assert await pair.store.facts(KEPT.inv) == []
            assert await pair.store.find(KEPT.inv) == []
            assert await pair.store.unfinished() == []

    asyncio.run(run())


def test_the_newest_of_a_scope_stands_and_expired_ones_are_dropped(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            newer = msgspec.structs.replace(KEPT, inv=lives.inv_id(1), until=lives.START + 200)
            other = msgspec.structs.replace(KEPT, scope="scope-1")
            for kept in (KEPT, other, newer):
                pair.journal.append((kept,))
            await pair.store.settled()
            assert await pair.store.kept_answer("scope-0") == newer
            await pair.store.forget_answers(lives.START + 99)
            assert await pair.store.kept_answer("scope-1") == other
            await pair.store.forget_answers(lives.START + 100)
            assert await pair.store.kept_answer("scope-1") is None
            assert await pair.store.kept_answer("scope-0") == newer

    asyncio.run(run())


def test_that_an_answer_was_repeated_is_part_of_the_record(opener: Opener) -> None:
    async def run() -> None:
        async with opener() as pair:
            repeated = AnswerRepeated(lives.inv_id(0), lives.START + 9, 200)
            for frame in lives.life(0):
                pair.journal.append(frame)
            pair.journal.append([repeated])
            await pair.store.settled()
            assert (await pair.store.facts(lives.inv_id(0)))[-1] == repeated
            assert [row.outcome for row in await pair.store.invocations(9, "")] == ["answered"]

    asyncio.run(run())
