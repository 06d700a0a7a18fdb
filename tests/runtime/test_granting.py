"""Operators grant unasked: in force at once, once for each id, together below their bound, and on record or not at all."""

import asyncio

from tests.support.carrying import Runtime
from tests.support.changing import changing
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.language.snapshot import Budget, Limits
from orchvynt.model.faults import Fault
from orchvynt.runtime.control import Grant, Granted
from orchvynt.runtime.granting import Granting
from orchvynt.runtime.operations import Operations
from orchvynt.runtime.recovery import recover

DAY = 86_400 * SECOND
PURSE = Budget("purse", "workflow", None, "lifetime", Limits(tokens=100), idle_ns=30 * DAY)
DAILY = Budget("daily", "global", None, "day", Limits(tokens=100))


def started(*budgets: Budget) -> tuple[Runtime, Granting]:
    runtime = Runtime(snapshot(budgets=budgets or (PURSE, DAILY)))
    return runtime, Granting(runtime.carrier, runtime.store, runtime.ids)


async def restarted(left: Runtime) -> Runtime:
    """Another process over the same store; the first one is gone without a word."""
    policy = left.policies.current
    later = Runtime(policy, store=left.store)
    later.clock.advance(left.clock.monotonic())
    await recover(later.store, later.journal, later.ledger, later.parked, later.clock, policy)
    return later


def asked(tokens: int = 60, grant: str = "", budget: str = "purse", subject: str = "docs", reason: str = "why") -> Grant:
    return Grant(budget, subject, 0, tokens, reason, "token:ana", grant)


async def grant(runtime: Runtime, granting: Granting, one: Grant) -> Granted | Fault:
    return await granting.grant(one, runtime.policies.current)


def test_the_same_id_grants_once() -> None:
    async def scenario() -> None:
        runtime, granting = started()
        first = await grant(runtime, granting, asked(grant="t1"))
        again = await grant(runtime, granting, asked(grant="t1"))
        assert isinstance(first, Granted)
        assert isinstance(again, Granted)
        assert (first.new, again.new, first.given) == (True, False, again.given)
        other = await grant(runtime, granting, asked(tokens=1, grant="t1"))
        assert isinstance(other, Fault)
        assert other.code == "conflict"
        both = await asyncio.gather(*(grant(runtime, granting, asked(tokens=5, grant="t2")) for _ in range(5)))
        assert sum(isinstance(done, Granted) and done.new for done in both) == 1
        assert len(await runtime.store.grants()) == 2

    asyncio.run(scenario())


def test_at_once_they_never_pass_the_bound() -> None:
    async def scenario() -> None:
        runtime, granting = started()
        done = await asyncio.gather(*(grant(runtime, granting, asked(tokens=30)) for _ in range(8)))
        assert sum(isinstance(one, Granted) for one in done) == 3
        assert isinstance(await grant(runtime, granting, asked(tokens=11)), Fault)
        assert isinstance(await grant(runtime, granting, asked(tokens=10)), Granted)
        assert isinstance(await grant(runtime, granting, asked(subject="other")), Granted), "each subject has its own"

    asyncio.run(scenario())


def test_what_cannot_be_written_does_not_count() -> None:
    async def scenario() -> None:
        runtime, granting = started()
        runtime.journal.broken = True
        fault = await grant(runtime, granting, asked())
        assert isinstance(fault, Fault)
        assert fault.code == "store_unavailable"
        assert not runtime.ledger.grants

    asyncio.run(scenario())


def test_who_was_refused_fits_after_it_and_a_new_window_begins_anew() -> None:
    async def scenario() -> None:
        runtime, granting = started(Budget("daily", "global", None, "day", Limits(tokens=20), grant_max=Limits(tokens=100)))
        _, line = runtime.ask(invocation())
        assert line.status == 402
        assert isinstance(await grant(runtime, granting, asked(100, budget="daily", subject="*")), Granted)
        runtime.ask(invocation())
        assert len(runtime.upstream.arrivals) == 1
        runtime.clock.advance(DAY)
        _, late = runtime.ask(invocation())
        assert late.status == 402

    asyncio.run(scenario())


def test_in_a_window_that_rolls_it_lasts_for_its_length() -> None:
    async def scenario() -> None:
        rolling = Budget("day", "global", None, "rolling", Limits(tokens=20), rolls_ns=DAY, grant_max=Limits(tokens=500))
        runtime, granting = started(rolling)
        _, line = runtime.ask(invocation())
        assert line.status == 402
        assert isinstance(await grant(runtime, granting, asked(200, budget="day", subject="*")), Granted)
        runtime.clock.advance(DAY - SECOND)
        runtime.ask(invocation())
        assert len(runtime.upstream.arrivals) == 1
        shown = Operations(runtime.carrier, runtime.deciding, changing(runtime), runtime.alerting, granting, runtime.shedding).budgets()
        assert [(line.name, line.granted_tokens) for line in shown] == [("day", 200)]
        runtime.clock.advance(2 * SECOND)
        _, late = runtime.ask(invocation())
        assert late.status == 402

    asyncio.run(scenario())


def test_after_a_restart_what_lasts_is_there() -> None:
    async def scenario() -> None:
        runtime, granting = started()
        await grant(runtime, granting, asked(grant="life"))
        await grant(runtime, granting, asked(50, "day", "daily", "*"))
        later = await restarted(runtime)
        assert len(later.ledger.grants) == 2
        runtime.clock.advance(2 * DAY)
        later = await restarted(runtime)
        assert later.ledger.grants.find("life") is not None
        assert later.ledger.grants.find("day") is None
        again = await Granting(later.carrier, later.store, later.ids).grant(asked(50, "day", "daily", "*"), later.policies.current)
        assert isinstance(again, Granted)
        assert not again.new, "a retry after its window grants nothing either"
        runtime.clock.advance(30 * DAY)
        later = await restarted(runtime)
        assert not later.ledger.grants, "its subject was idle for too long"

    asyncio.run(scenario())


def test_what_was_granted_is_shown_before_anything_is_spent() -> None:
    async def scenario() -> None:
        runtime, granting = started()
        await grant(runtime, granting, asked(60))
        shown = Operations(runtime.carrier, runtime.deciding, changing(runtime), runtime.alerting, granting, runtime.shedding).budgets()
        assert [(line.name, line.subject, line.granted_tokens, line.settled_tokens) for line in shown] == [("purse", "docs", 60, 0)]
        assert [one.limit for one in shown[0].measures] == [160]

    asyncio.run(scenario())


def test_an_unknown_budget_is_not_found() -> None:
    async def scenario() -> None:
        runtime, granting = started()
        fault = await grant(runtime, granting, asked(budget="nothing"))
        assert isinstance(fault, Fault)
        assert (fault.status, fault.help) == (404, "Its budgets: purse, daily.")

    asyncio.run(scenario())
