"""What an operator may ask of the running process: policies put in force, budgets and providers shown, reviews decided."""

import asyncio

import msgspec
from tests.support.answers import WHOLE, refused
from tests.support.carrying import Runtime
from tests.support.snapshots import invocation, snapshot

from orchvynt.assembly.init import first_policy
from orchvynt.language.compile import load
from orchvynt.language.snapshot import Budget, Gate, Snapshot
from orchvynt.model.faults import Fault
from orchvynt.ports.store import PolicyRow, ReviewRow
from orchvynt.runtime.operations import Operations

GOOD = first_policy([])
OTHER = GOOD.replace("100000", "200000")
BROKEN = "version: 1\nmodles: {}\n"


class About:
    """Implements runtime.operations.About."""

    version = "0.0.0"
    started_at = 5
    store = "memory:"

    def journal_bytes(self) -> int:
        return 4_096

    def draining(self) -> bool:
        return False

    def applied(self, snapshot: Snapshot) -> None:
        self.sync = snapshot.sync

    def drift(self, snapshot: Snapshot) -> str:
        return f"the file differs from {snapshot.version}"


def operations(policy: Snapshot | None = None) -> tuple[Runtime, Operations]:
    runtime = Runtime(policy or snapshot())
    return runtime, Operations(runtime.carrier, runtime.reviewing, runtime.policies, runtime.store, About())


async def applied(one: Operations, text: str, expected: int | None = None) -> PolicyRow:
    row = await one.apply(text, "why", "token:ana", expected, "c0ffee")
    assert isinstance(row, PolicyRow), row
    return row


def test_an_applied_policy_is_in_force_when_it_is_answered_and_on_record() -> None:
    async def scenario() -> None:
        runtime, one = operations()
        row = await applied(one, GOOD)
        assert (row.version, row.author, row.message, row.commit) == (1, "token:ana", "why", "c0ffee")
        assert one.snapshot is runtime.policies.current
        assert (one.snapshot.version, one.snapshot.default) == (1, "demo-model")
        assert one.status().drift == "the file differs from 1"

    asyncio.run(scenario())


def test_running_invocations_stay_with_their_snapshot() -> None:
    async def scenario() -> None:
        runtime, one = operations()
        life, line = runtime.ask(invocation())
        await applied(one, GOOD)
        assert life.snapshot is not one.snapshot
        runtime.last.answers(WHOLE)
        assert line.headers["x-orchvynt-model"] == "gpt"

    asyncio.run(scenario())


def test_a_policy_with_problems_changes_nothing() -> None:
    async def scenario() -> None:
        runtime, one = operations()
        before = one.snapshot
        problems = await one.apply(BROKEN, "", "token:ana", None, "")
        assert isinstance(problems, list)
        assert [problem.severity for problem in problems if problem.severity == "error"]
        assert one.snapshot is before
        assert await runtime.store.policies() == []
        assert one.validate(GOOD, "p.yaml") == []
        assert one.validate(BROKEN, "p.yaml")[0].file == "p.yaml"

    asyncio.run(scenario())


def test_of_two_who_expect_the_same_version_one_wins() -> None:
    async def scenario() -> None:
        _, one = operations()
        await applied(one, GOOD)
        found = await asyncio.gather(*(one.apply(OTHER, "", f"token:{number}", 1, "") for number in range(4)))
        assert sorted(type(each).__name__ for each in found) == ["Fault", "Fault", "Fault", "PolicyRow"]
        fault = next(each for each in found if isinstance(each, Fault))
        assert (fault.code, fault.detail) == ("conflict", {"current": 2, "expected": 1})

    asyncio.run(scenario())


def test_a_rollback_appends_the_earlier_text() -> None:
    async def scenario() -> None:
        _, one = operations()
        await applied(one, GOOD)
        await applied(one, OTHER)
        row = await one.rollback(None, "", "token:ana")
        assert isinstance(row, PolicyRow)
        assert (row.version, row.yaml, row.message) == (3, GOOD, "rollback to version 1")
        assert one.snapshot.version == 3
        again = await one.rollback(2, "because", "token:ana")
        assert isinstance(again, PolicyRow)
        assert (again.version, again.yaml, again.message) == (4, OTHER, "because")

    asyncio.run(scenario())


def test_there_is_nothing_to_go_back_to() -> None:
    async def scenario() -> None:
        _, one = operations()
        row = await applied(one, GOOD)
        current = load(GOOD, "p").snapshot
        assert current is not None
        assert row.digest == current.digest
        for version in (None, 9):
            fault = await one.rollback(version, "", "token:ana")
            assert isinstance(fault, Fault)
            assert fault.code == "not_found"

    asyncio.run(scenario())


def test_budgets_show_what_is_settled_held_and_waited_for_in_this_window() -> None:
    per_call = Budget("one-call", "invocation", None, "lifetime", None, 1_000)
    runtime, one = operations(snapshot(tiers=(), budgets=(Budget("b", "global", None, "day", None, 150), per_call)))
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
        runtime, one = operations(snapshot(gates=(Gate("g", "output", None, "people", False, None, None),)))
        runtime.ask(invocation())
        assert (one.status().invocations_open, one.status().reviews_open) == (1, 0)
        runtime.last.answers(WHOLE)
        status = one.status()
        assert (status.invocations_open, status.reviews_open, status.journal_bytes, status.store) == (0, 1, 4_096, "memory:")
        row = await one.decide("rev_1.1", "approve", "token:ana", "")
        assert isinstance(row, ReviewRow)
        assert (row.status, row.by) == ("approved", "token:ana")
        late = await one.decide("rev_1.1", "reject", "token:ben", "")
        assert isinstance(late, Fault)
        assert (late.code, late.detail["by"]) == ("conflict", "token:ana")
        unknown = await one.decide("rev_9.1", "approve", "token:ana", "")
        assert isinstance(unknown, Fault)
        assert unknown.code == "not_found"
        assert one.status().reviews_open == 0

    asyncio.run(scenario())


def test_a_review_whose_policy_is_gone_cannot_be_decided_and_says_so() -> None:
    async def scenario() -> None:
        first, _ = operations(snapshot(gates=(Gate("g", "output", None, "people", False, None, None),)))
        _, line = first.ask(invocation())
        first.last.answers(WHOLE)
        line.leave()
        runtime = Runtime(msgspec.structs.replace(snapshot(), version=2), store=first.store)
        one = Operations(runtime.carrier, runtime.reviewing, runtime.policies, runtime.store, About())
        parked = first.parked.invocation("inv_1")
        assert parked is not None
        runtime.parked.add(parked)
        fault = await one.decide("rev_1.1", "approve", "token:ana", "")
        assert isinstance(fault, Fault)
        assert fault.code == "policy_error"
        row = await runtime.store.review("rev_1.1")
        assert row is not None
        assert row.status == "open"

    asyncio.run(scenario())
