"""Requests under an idempotency key: one invocation for all of them while it lasts, and the same answer afterwards."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from tests.support.answers import DONE, STREAM, WHOLE, refused
from tests.support.carrying import BreakableStore, FakeLine, Runtime
from tests.support.loops import until
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.identity.idempotency import KEPT_NS
from orchvynt.decisions.reviews.cases import Voter
from orchvynt.dialects import registry
from orchvynt.language.snapshot import Gate, Snapshot
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Idempotency
from orchvynt.model.repeats import AnswerKept
from orchvynt.ports.caller import CallerLine
from orchvynt.runtime import answers
from orchvynt.runtime.key_tenures import KeyTenures
from orchvynt.runtime.recent_answers import BESIDES_BYTES, Recent
from orchvynt.runtime.repeating import Asked, Limits, Repeating
from orchvynt.runtime.sweeping import FORGETTING_TICKS
from orchvynt.runtime.tape import Room, Tape

GATE = Gate("g", "output", None, "people", False, 20 * SECOND)
MINUTE = 60 * SECOND


class Desk:
    """A runtime, and requests to it under keys."""

    def __init__(self, policy: Snapshot | None = None, limits: Limits | None = None, runtime: Runtime | None = None) -> None:
        self.runtime = runtime or Runtime(policy or snapshot())
        self.repeating = self.runtime.repeating
        if limits is not None:
            runtime = self.runtime
            tenures = KeyTenures(runtime.store, runtime.peers, runtime.tasks, runtime.following.follow)
            self.repeating = Repeating(runtime.carrier, runtime.reviewing, runtime.store, runtime.tasks, lambda run: run(), tenures, limits)
        self.count = 0

    def sends(self, key: str = "k", body: str = "b", stream: bool = False, line: FakeLine | None = None) -> FakeLine:
        """A request arrives; what the store says of its key is looked up later."""
        self.count += 1
        line = line or FakeLine()
        named = Idempotency(key, body)
        made = msgspec.structs.replace(invocation(stream=stream), id=f"inv_{self.count}", idempotency=named)

        def begin(tape: CallerLine) -> None:
            self.runtime.begin(made, tape)

        def refuse(fault: Fault) -> None:
            answers.answer_fault(line, fault, registry.caller("openai_chat").error(fault, ""), [])

        self.repeating.ask(Asked(named, made.id, line, f"r-{self.count}", begin, refuse, self.runtime.clock.monotonic() + 10 * MINUTE))
        return line

    async def begins(self, key: str = "k", stream: bool = False) -> FakeLine:
        """A request that becomes an invocation, up to its arrival at the provider."""
        before = self.arrivals
        line = self.sends(key, stream=stream)
        await until(lambda: self.arrivals > before, 2)
        return line

    async def hears(self, key: str = "k", body: str = "b", stream: bool = False) -> FakeLine:
        line = self.sends(key, body, stream)
        await until(lambda: line.ended != "", 2)
        return line

    @property
    def arrivals(self) -> int:
        return len(self.runtime.upstream.arrivals)

    @property
    def repeats(self) -> dict[str, int]:
        return {how: count for (how,), count in self.runtime.carrier.counting.repeats.numbers.items()}


def play(scenario: Callable[[Desk], Coroutine[Any, Any, None]], policy: Snapshot | None = None, limits: Limits | None = None) -> None:
    async def run() -> None:
        desk = Desk(policy, limits)
        await scenario(desk)
        await desk.runtime.tasks.stop()

    asyncio.run(run())


def test_all_that_come_at_once_are_one_invocation() -> None:
    async def scenario(desk: Desk) -> None:
        lines = [desk.sends() for _ in range(5)]
        other = desk.sends(body="other")
        await until(lambda: desk.arrivals == 1, 2)
        late = desk.sends()
        desk.runtime.last.answers(WHOLE)
        assert {(line.status, line.body, line.headers["x-orchvynt-invocation"]) for line in [*lines, late]} == {(200, WHOLE, "inv_1")}
        assert [line.headers["x-request-id"] for line in lines] == [f"r-{n}" for n in range(1, 6)]
        assert (other.status, other.code) == (422, "idempotency_mismatch")
        assert desk.arrivals == 1
        assert desk.repeats == {"attached": 5}

    play(scenario)


@pytest.mark.parametrize("known", ["in the cache", "in the store only"])
def test_an_answer_is_told_again_for_a_day_and_not_longer(known: str) -> None:
    async def scenario(desk: Desk) -> None:
        first = await desk.begins()
        desk.runtime.last.answers(WHOLE)
        desk.runtime.clock.advance(KEPT_NS - 1)
        again, other = await desk.hears(), await desk.hears(body="other")
        mine = {"x-request-id"}
        assert {name: value for name, value in again.headers.items() if name not in mine} == {
            name: value for name, value in first.headers.items() if name not in mine
        }
        assert (again.status, again.body, again.content_type) == (200, WHOLE, first.content_type)
        assert (other.code, "inv_1" in str(other.json)) == ("idempotency_mismatch", True)
        assert desk.runtime.journal.tags[-2:] == ["answer_kept", "answer_repeated"]
        assert desk.repeats == {"kept": 1}
        desk.runtime.clock.advance(1)
        await desk.begins()

    play(scenario, limits=Limits() if known == "in the cache" else Limits(cache_bytes=0))


def test_a_stream_is_replayed_followed_and_told_again() -> None:
    async def scenario(desk: Desk) -> None:
        first = await desk.begins(stream=True)
        desk.runtime.last.begins()
        desk.runtime.last.streams(*STREAM[:2])
        late = desk.sends(stream=True)
        assert late.body == first.body != b""
        desk.runtime.last.streams(*STREAM[2:])
        again = await desk.hears(stream=True)
        assert {(line.ended, line.content_type, line.body) for line in (first, late, again)} == {("ended", first.content_type, first.body)}
        assert first.body.endswith(DONE)
        assert desk.arrivals == 1

    play(scenario)


def test_a_caller_that_left_finds_its_answer() -> None:
    async def scenario(desk: Desk) -> None:
        gone = await desk.begins()
        gone.leave()
        assert not desk.runtime.last.call.cancelled
        back = desk.sends()
        desk.runtime.last.answers(WHOLE)
        assert (back.status, desk.arrivals) == (200, 1)
        said = [fact.how for fact in (await desk.runtime.store.facts("inv_1")) if hasattr(fact, "how")]
        assert said == ["gone", "joined"]

    play(scenario)


def test_an_answer_that_nobody_waits_for_is_kept() -> None:
    async def scenario(desk: Desk) -> None:
        (await desk.begins()).leave()
        desk.runtime.last.answers(WHOLE)
        assert desk.runtime.carrier.lives == {}
        assert (await desk.hears()).body == WHOLE

    play(scenario)


def test_a_failure_releases_the_key() -> None:
    async def scenario(desk: Desk) -> None:
        first = await desk.begins()
        desk.runtime.last.answers(refused(), status=429)
        assert (first.status, first.code) == (503, "all_providers_failed")
        assert "answer_kept" not in desk.runtime.journal.tags
        desk.runtime.clock.advance(MINUTE)
        second = await desk.begins()
        desk.runtime.last.answers(WHOLE)
        assert second.headers["x-orchvynt-invocation"] == "inv_2"

    play(scenario, snapshot(("gpt",), max_retries=0))


def test_a_refusal_of_the_request_itself_is_told_again() -> None:
    async def scenario(desk: Desk) -> None:
        first = await desk.begins()
        desk.runtime.last.answers(refused("no such parameter", "invalid_request_error"), status=400)
        again = await desk.hears()
        assert (first.status, again.status, again.body) == (400, 400, first.body)
        assert desk.arrivals == 1

    play(scenario)


def test_a_stream_that_broke_is_not_told_again() -> None:
    async def scenario(desk: Desk) -> None:
        first = await desk.begins(stream=True)
        desk.runtime.last.begins()
        desk.runtime.last.streams(STREAM[0])
        desk.runtime.last.listener.on_end()
        assert first.ended == "aborted"
        await desk.begins(stream=True)

    play(scenario)


def test_a_large_answer_reaches_who_waits_and_is_not_kept() -> None:
    async def scenario(desk: Desk) -> None:
        first = await desk.begins(stream=True)
        desk.runtime.last.begins()
        desk.runtime.last.streams(*STREAM[:2])
        late = await desk.hears(stream=True)
        assert (late.status, late.code) == (409, "conflict")
        desk.runtime.last.streams(*STREAM[2:])
        assert first.ended == "ended"
        assert "answer_kept" not in desk.runtime.journal.tags
        left = await desk.begins(stream=True)
        left.leave()
        desk.runtime.last.begins()
        desk.runtime.last.streams(*STREAM[:2])
        assert desk.runtime.last.call.cancelled, "nobody will ever see it"
        assert desk.runtime.carrier.lives == {}

    play(scenario, limits=Limits(answer_bytes=100))


def test_more_answers_under_way_than_may_be_are_refused() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begins("one")
        second = await desk.hears("two")
        assert (second.status, second.code) == (503, "overloaded")
        assert desk.sends("one").ended == "", "a further caller of the same key is none too many"

    play(scenario, limits=Limits(under_way=1))


def test_while_the_store_is_away_nothing_is_sent() -> None:
    async def scenario(desk: Desk) -> None:
        desk.runtime.store.away = True
        lines = [desk.sends(), desk.sends()]
        await until(lambda: all(line.ended for line in lines), 2)
        assert {(line.status, line.code) for line in lines} == {(503, "store_unavailable")}
        assert desk.arrivals == 0
        desk.runtime.store.away = False
        await desk.begins()

    play(scenario)


def test_who_leaves_before_anything_was_sent_asked_for_nothing() -> None:
    async def scenario(desk: Desk) -> None:
        desk.sends().leave()
        second = desk.sends()
        await until(lambda: desk.arrivals == 1, 2)
        desk.runtime.last.answers(WHOLE)
        assert second.headers["x-orchvynt-invocation"] == "inv_2"
        alone = desk.sends("other")
        alone.leave()
        await asyncio.sleep(0.05)
        assert desk.arrivals == 1

    play(scenario)


def test_while_the_journal_is_away_nothing_is_told_again_and_nothing_is_kept() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begins()
        desk.runtime.last.answers(WHOLE)
        desk.runtime.journal.broken = True
        again = await desk.hears()
        assert (again.status, again.code) == (503, "store_unavailable")
        desk.runtime.journal.broken = False
        assert (await desk.hears()).status == 200

    play(scenario)


def test_an_answer_that_cannot_be_kept_reaches_who_waits_and_releases_the_key() -> None:
    async def scenario(desk: Desk) -> None:
        line = FakeLine()
        tape = Tape(Idempotency("k", "b"), "inv_9", Room(1000, 1000), lambda run: run(), desk.repeating)
        tape.listen(line, "")
        desk.runtime.journal.broken = True
        tape.answer(200, [], WHOLE)
        assert (line.status, line.body) == (200, WHOLE)
        desk.runtime.journal.broken = False
        await desk.begins()

    play(scenario)


def kept(scope: str, size: int) -> AnswerKept:
    return AnswerKept("inv_1", 0, scope, "b", 10, 200, "application/json", (), b"x" * size)


def test_the_cache_drops_the_oldest_and_says_which() -> None:
    recent = Recent(2 * BESIDES_BYTES + 100)
    for scope, size in (("a", 50), ("b", 50), ("c", 10)):
        recent.add(kept(scope, size))
    assert (recent.added, recent.dropped) == (3, 1)
    recent.add(kept("too large", 5_000))
    assert [scope for scope in ("a", "b", "c", "too large") if recent.get(scope, 0)] == ["b", "c"]
    assert (recent.added, recent.dropped) == (4, 4)
    recent.add(kept("b", 90))
    assert (recent.get("b", 9) is not None, recent.get("b", 10), recent.dropped) == (True, None, 4)
    recent.add(kept("d", 10))
    assert (recent.get("c", 0), recent.added, recent.dropped) == (None, 6, 4), "the highest number stays"
    recent.forget(10)
    assert recent.get("b", 0) is recent.get("d", 0) is None


def test_a_full_cache_asks_for_the_journal_once_for_as_many_answers_as_it_keeps() -> None:
    """Each answer that is kept drops one then; none of those that were added before the store had all of the journal is missing there."""

    class CountingStore(BreakableStore):
        settlings = 0

        async def settled(self) -> None:
            self.settlings += 1
            await super().settled()

    async def scenario() -> None:
        store = CountingStore()
        runtime = Runtime(snapshot(), store=store)
        desk = Desk(runtime=runtime, limits=Limits(cache_bytes=4 * (BESIDES_BYTES + len(WHOLE))))
        for number in range(20):
            await desk.begins(f"key {number}")
            runtime.last.answers(WHOLE)
        assert store.settlings == 3, "before the 6th, the 11th and the 16th"
        await runtime.tasks.stop()

    asyncio.run(scenario())


def test_a_review_is_joined_by_key_whoever_waits_and_its_answer_is_kept() -> None:
    async def scenario(desk: Desk) -> None:
        runtime = desk.runtime
        held = await desk.begins()
        runtime.last.answers(WHOLE)
        beside = desk.sends()
        assert (held.ended, beside.ended) == ("", "")
        runtime.later(20 * SECOND)
        assert [line.code for line in (held, beside)] == ["hitl_pending"] * 2
        assert (await desk.hears(body="other")).code == "idempotency_mismatch"
        joined = desk.sends()
        one = runtime.parked.invocation("inv_1")
        assert one is not None
        await until(lambda: one.life is not None and bool(one.life.callers), 2)
        joined.leave()
        assert one.life is None, "a review waits without anybody, and takes no memory"
        row = await runtime.store.review(one.review)
        assert row is not None
        assert await runtime.voting.vote(one.review, "approve", Voter("token:ana"), "") is None
        first, second = await desk.hears(), await desk.hears()
        runtime.clock.advance(MINUTE)
        third = await desk.hears()
        for line in (first, second, third):
            assert (line.status, line.body) == (200, WHOLE)
            assert line.headers["x-orchvynt-overhead-ms"] == first.headers["x-orchvynt-overhead-ms"]
        assert desk.repeats == {"attached": 1, "joined": 2, "kept": 2}

    play(scenario, snapshot(gates=(GATE,)))


def test_what_a_review_rejected_stays_rejected() -> None:
    async def scenario(desk: Desk) -> None:
        runtime = desk.runtime
        held = await desk.begins()
        runtime.last.answers(WHOLE)
        one = runtime.parked.invocation("inv_1")
        assert one is not None
        row = await runtime.store.review(one.review)
        assert row is not None
        assert await runtime.voting.vote(one.review, "reject", Voter("token:ana"), "no") is None
        assert [held.code, (await desk.hears()).code, (await desk.hears()).code] == ["review_rejected"] * 3
        assert desk.arrivals == 1

    play(scenario, snapshot(gates=(GATE,)))


def test_what_has_expired_is_dropped_by_the_sweep() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.begins()
        desk.runtime.last.answers(WHOLE)
        assert await desk.runtime.store.kept_answer("k") is not None
        desk.runtime.clock.advance(KEPT_NS)
        desk.runtime.store.away = True
        await desk.repeating.forget()
        desk.runtime.store.away = False
        desk.runtime.sweeping.tick(FORGETTING_TICKS)
        await asyncio.sleep(0.01)
        assert await desk.runtime.store.kept_answer("k") is None

    play(scenario)
