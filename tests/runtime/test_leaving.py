"""Nobody is sent for who left before the send was on record, whatever a call waits for at that moment; and nothing of it is left behind."""

import asyncio
from typing import Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.answers import WHOLE, refused
from tests.support.carrying import BreakableStore, FakeLine, Runtime
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.language.snapshot import Budget, Limits, RateLimit, Snapshot
from orchvynt.model.facts import AnyFact, AttemptSent, CallerLeft, InvocationFinished, InvocationReceived
from orchvynt.ports.processes import ProcessRow

LIMIT: Final = RateLimit("at once", "agent", None, 60 * SECOND, invocations=1_000, concurrent=50)
BUDGET: Final = Budget("b", "global", None, "day", Limits(None, 3_000))
LEASED: Final = snapshot(tiers=(), budgets=(BUDGET,))
LIMITED: Final = msgspec.structs.replace(snapshot(), rate_limits=(LIMIT,))
BOTH: Final = msgspec.structs.replace(
    snapshot(budgets=(msgspec.structs.replace(BUDGET, limits=Limits(None, 20_000)),)), rate_limits=(LIMIT,)
)


class SlowStore(BreakableStore):
    """One process of several serves from it."""

    async def processes(self) -> list[ProcessRow]:
        return [ProcessRow(name, "", "", 0, "", 0, 0, "serving", 0) for name in ("prc_0", "prc_1")]


def started(policy: Snapshot) -> Runtime:
    return Runtime(policy, store=SlowStore(), process="prc_0")


def named(number: int) -> tuple[str, FakeLine]:
    return f"inv_{number}", FakeLine()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def recorded(runtime: Runtime, inv: str) -> list[AnyFact]:
    return [fact for frame in runtime.journal.frames for fact in frame if fact.inv == inv]


def ask(runtime: Runtime, inv: str, line: FakeLine) -> None:
    runtime.ask(msgspec.structs.replace(invocation(), id=inv), line)


WHAT: Final = st.sampled_from(["ask", "ask", "leave", "step", "answer", "fail"])
# What happens within one turn of the loop, several times.
TURNS: Final = st.lists(st.lists(st.tuples(WHAT, st.integers(0, 7)), min_size=1, max_size=5), min_size=1, max_size=10)


@settings(max_examples=100, deadline=None)
@given(TURNS, st.sampled_from([BOTH, LEASED, LIMITED]))
def test_whenever_callers_leave_what_was_sent_is_what_is_on_record(turns: list[list[tuple[str, int]]], policy: Snapshot) -> None:
    async def scenario() -> None:
        runtime = started(policy)
        lines: dict[str, FakeLine] = {}
        # How many of its attempts were on record when its caller left.
        left: dict[str, int] = {}
        answered = 0
        for steps in turns:
            runtime.turn = []
            for what, number in steps:
                if what in ("answer", "fail"):
                    answered = _answer_next(runtime, answered, what)
                else:
                    await _step(runtime, lines, left, what, number)
            runtime.end_turn()
            await settle()
        for line in lines.values():
            if not line.ended:
                line.leave()
        await settle()
        sent = [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, AttemptSent)]
        assert len(sent) == len(runtime.upstream.arrivals)
        assert {inv: [fact.inv for fact in sent].count(inv) for inv in left} == left
        for inv in [inv for inv, attempts in left.items() if not attempts]:
            assert [type(fact) for fact in recorded(runtime, inv) if not _is_told_on_the_way(fact)] == [
                InvocationReceived, CallerLeft, InvocationFinished,
            ]  # fmt: skip
        assert (runtime.carrier.lives, runtime.held_tokens, runtime.ledger.holds) == ({}, 0, {})
        runtime.end_turn()
        await settle()
        assert all(bucket.running == 0 for _, _, bucket in await runtime.store.rate_buckets([LIMIT]))

    asyncio.run(scenario())


def _is_told_on_the_way(fact: AnyFact) -> bool:
    return str(fact.__struct_config__.tag) in ("routed", "hold_awaited", "candidate_skipped")


def _answer_next(runtime: Runtime, answered: int, what: str) -> int:
    """The provider answers the oldest call that is still open. Gives how many calls are over."""
    for number, arrival in enumerate(runtime.upstream.arrivals[answered:], answered + 1):
        if not arrival.call.cancelled:
            arrival.answers(*((WHOLE,) if what == "answer" else (refused(), 401)))
            return number
    return len(runtime.upstream.arrivals)


async def _step(runtime: Runtime, lines: dict[str, FakeLine], left: dict[str, int], what: str, number: int) -> None:
    open_ = [inv for inv, line in lines.items() if not line.ended]
    match what:
        case "ask":
            inv = f"inv_{len(lines)}"
            lines[inv] = FakeLine()
            ask(runtime, inv, lines[inv])
        case "leave" if open_:
            inv = open_[number % len(open_)]
            left[inv] = sum(isinstance(fact, AttemptSent) for fact in recorded(runtime, inv))
            lines[inv].leave()
        case "step":
            for _ in range(number):
                await asyncio.sleep(0)
        case _:
            pass


@pytest.mark.parametrize("waits_for", ["a permit", "a lease", "a hold"])
def test_it_leaves_while_it_waits(waits_for: str) -> None:
    async def scenario() -> None:
        runtime = started(LIMITED if waits_for == "a permit" else LEASED)
        if waits_for == "a hold":
            runtime = Runtime(snapshot(tiers=(), budgets=(msgspec.structs.replace(BUDGET, limits=Limits(None, 1_100)),)))
            ask(runtime, *named(1))
        inv, line = named(2)
        ask(runtime, inv, line)
        before = len(runtime.upstream.arrivals)
        assert line.ended == ""
        line.leave()
        await settle()
        assert len(runtime.upstream.arrivals) == before
        facts = recorded(runtime, inv)
        assert isinstance(facts[0], InvocationReceived)
        assert isinstance(facts[-2], CallerLeft)
        assert isinstance(facts[-1], InvocationFinished)
        assert (facts[-1].outcome, inv in runtime.carrier.lives) == ("cancelled", False)

    asyncio.run(scenario())
