"""What an operator may ask of the running process: what is in force, budgets and providers shown, reviews decided."""

import asyncio

import msgspec
import pytest
from tests.support.answers import WHOLE, refused
from tests.support.carrying import Runtime
from tests.support.changing import changing
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.assembly.init import first_policy
from orchvynt.decisions.budgets.standing import Burn
from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.snapshot import Budget, Gate, Limits, Snapshot
from orchvynt.model.faults import Fault
from orchvynt.ports.store import ReviewRow
from orchvynt.runtime.control import Applied, Change
from orchvynt.runtime.granting import Granting
from orchvynt.runtime.operations import Operations


def operations(policy: Snapshot | None = None) -> tuple[Runtime, Operations]:
    runtime = Runtime(policy or snapshot())
    return runtime, over(runtime)


def over(runtime: Runtime) -> Operations:
    return Operations(
        runtime.carrier,
        runtime.deciding,
        changing(runtime),
        runtime.alerting,
        Granting(runtime.carrier, runtime.store, runtime.ids),
        runtime.shedding,
    )


def test_the_status_says_what_is_in_force_and_who_serves_it() -> None:
    async def scenario() -> None:
        _, one = operations()
        assert one.status().policy.version == 1
        done = await one.apply(Change(first_policy([]), "why", "token:ana", True, None, "c0ffee"))
        assert isinstance(done, Applied)
        status = one.status()
        said = status.policy
        assert (said.version, said.author, said.message, said.commit) == (1, "token:ana", "why", "c0ffee")
        assert said.yaml == "", "the text is not carried around"
        replicas = await one.replicas()
        assert [(replica.name, replica.version, replica.digest) for replica in replicas] == [("here:1", 1, done.row.digest)]
        assert [(replica.name, replica.version) for replica in done.replicas] == [("here:1", 1)]
        assert (status.drift, status.watch) == ("", "")

    asyncio.run(scenario())


def test_budgets_show_what_is_settled_held_and_waited_for_in_this_window() -> None:
    per_call = Budget("one-call", "invocation", None, "lifetime", Limits(None, 1_000))
    runtime, one = operations(snapshot(tiers=(), budgets=(Budget("b", "global", None, "day", Limits(None, 150)), per_call)))
    assert one.budgets() == []
    runtime.ask(invocation())
    runtime.ask(msgspec.structs.replace(invocation(), id="inv_2"))
    lines = one.budgets()
    assert [(line.name, line.subject, line.window, line.limit_tokens, line.waiting) for line in lines] == [("b", "*", "day", 150, 1)]
    assert lines[0].held_tokens > 0
    assert lines[0].resets_at > runtime.clock.now()
    assert one.status().holds_waiting == 1
    runtime.clock.advance(2 * 86_400 * 1_000_000_000)
    assert one.budgets() == [], "that window is over"


def test_budgets_show_how_fast_they_are_spent_and_where_that_leads() -> None:
    runtime, one = operations(snapshot(tiers=(), budgets=(Budget("b", "global", None, "lifetime", Limits(None, 100_000)),)))
    for number in range(3):
        runtime.ask(msgspec.structs.replace(invocation(), id=f"inv_{number}"))
        runtime.last.answers(WHOLE)
    (line,) = one.budgets()
    assert (line.burn, line.forecast.unit) == (Burn(), ""), "too little is known yet"
    runtime.clock.advance(120 * 1_000_000_000)
    (line,) = one.budgets()
    assert (line.burn.basis, line.burn.over_ns, line.burn.spent.tokens) == ("recent", 120 * 1_000_000_000, line.settled_tokens)
    assert (line.burn.spent.invocations, line.burn.per_hour("tokens")) == (3, 30 * line.settled_tokens)
    left = 100_000 - line.settled_tokens
    assert line.forecast.full_at == runtime.clock.now() + -(-left * 120 * 1_000_000_000 // line.settled_tokens)
    assert [(measure.unit, measure.limit, measure.held) for measure in line.measures] == [("tokens", 100_000, 0)]


def test_providers_show_who_rests_and_why() -> None:
    runtime, one = operations()
    runtime.ask(invocation())
    runtime.last.answers(refused(), 429, [(b"retry-after", b"30")])
    gpt, claude = one.providers()
    assert (gpt.model, gpt.why, gpt.resting_until - runtime.clock.now()) == ("gpt", "rate_limit", 30_000_000_000)
    assert (gpt.attempts, gpt.failures, gpt.address) == (1, 1, "http://127.0.0.1:1/v1")
    assert (claude.resting_until, claude.why, claude.attempts) == (0, "", 0)


def test_the_status_counts_what_is_open() -> None:
    async def scenario() -> None:
        runtime, one = operations(snapshot(gates=(Gate("g", "output", None, "people", False, None),)))
        runtime.ask(invocation())
        assert (one.status().invocations_open, one.status().reviews_open) == (1, 0)
        runtime.last.answers(WHOLE)
        status = one.status()
        assert (status.invocations_open, status.reviews_open, status.journal_bytes, status.store) == (0, 1, 4_096, "memory:")
        row = await one.decide("rev_1.1", "approve", Voter("token:ana"), "")
        assert isinstance(row, ReviewRow)
        assert (row.status, row.by) == ("approved", "token:ana")
        late = await one.decide("rev_1.1", "reject", Voter("token:ben"), "")
        assert isinstance(late, Fault)
        assert (late.code, late.detail["by"]) == ("conflict", "token:ana")
        unknown = await one.decide("rev_9.1", "approve", Voter("token:ana"), "")
        assert isinstance(unknown, Fault)
        assert unknown.code == "not_found"
        assert one.status().reviews_open == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("together", [False, True])
def test_a_vote_that_counts_says_so_though_the_store_cannot_show_the_review(together: bool) -> None:
    async def scenario() -> None:
        runtime, one = operations(snapshot(gates=(Gate("g", "output", None, "people", False, 20 * SECOND),)))
        _, line = runtime.ask(invocation())
        runtime.last.answers(WHOLE)
        runtime.store.away = True
        ana = Voter("token:ana")
        fault = (await one.decide_all(["rev_1.1"], "approve", ana, ""))[0] if together else await one.decide("rev_1.1", "approve", ana, "")
        assert line.body == WHOLE
        assert isinstance(fault, Fault)
        assert (fault.code, fault.detail, fault.should_retry) == ("store_unavailable", {"counts": "yes"}, False)
        runtime.store.away = False
        again = await one.decide("rev_1.1", "approve", ana, "")
        assert isinstance(again, Fault)
        assert (again.code, again.detail["by"]) == ("conflict", "token:ana")

    asyncio.run(scenario())


def test_a_review_whose_policy_is_gone_cannot_be_decided_and_says_so() -> None:
    async def scenario() -> None:
        first, _ = operations(snapshot(gates=(Gate("g", "output", None, "people", False, None),)))
        _, line = first.ask(invocation())
        first.last.answers(WHOLE)
        line.leave()
        runtime = Runtime(msgspec.structs.replace(snapshot(), version=2), store=first.store)
        one = over(runtime)
        parked = first.parked.invocation("inv_1")
        assert parked is not None
        runtime.parked.add(parked)
        fault = await one.decide("rev_1.1", "approve", Voter("token:ana"), "")
        assert isinstance(fault, Fault)
        assert fault.code == "policy_error"
        row = await runtime.store.review("rev_1.1")
        assert row is not None
        assert row.status == "open"

    asyncio.run(scenario())
