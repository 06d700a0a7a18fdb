"""What is read at the moment of a page: open work, budgets without their subjects, rests, the policy in force."""

import asyncio

import msgspec
from tests.support.answers import STREAM, WHOLE, refused
from tests.support.carrying import Runtime
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.language.snapshot import Budget, Gate, Limits
from orchvynt.model.invocation import Claims
from orchvynt.runtime import metrics as m
from orchvynt.runtime.measuring import Measuring, Plumbing
from orchvynt.runtime.metrics import Sampled
from orchvynt.runtime.recovery import Recovered

DAILY = Budget("daily", "global", None, "day", Limits(5_000_000_000, 10_000))
PER_RUN = Budget("per-run", "run", None, "lifetime", Limits(None, 10_000))
ONE_CALL = Budget("one-call", "invocation", None, "lifetime", Limits(None, 10_000))
GATE = Gate("looked-at", "output", None, "people", False, None)
PLUMBING = Plumbing(
    version="0.1.0",
    python="3.11",
    started_at=7 * SECOND,
    ready=True,
    connections={"data": 3, "admin": 1},
    requests=9,
    refusals={("http", "timeout"): 2, ("endpoint", "not_found"): 1},
    upstream_open=5,
    upstream_idle=2,
    upstream_dials=6,
    journal_bytes=4096,
    unfiled_bytes=96,
    filing_problem="the disk is full",
    recovered=Recovered(1, 2, 3, 0),
)


def read(runtime: Runtime) -> dict[m.Metric, Sampled]:
    found = asyncio.run(Measuring(runtime.carrier, runtime.policies, runtime.alerting, lambda: PLUMBING).read())
    assert found is not None
    return {one.metric: one for one in found}


def test_every_metric_is_there_from_the_start() -> None:
    # What only all processes together can tell is added by whoever asks them.
    assert set(read(Runtime(snapshot()))) == set(m.METRICS) - {m.PROCESSES, m.UNTOLD}


def test_budgets_show_how_many_subjects_they_met_and_never_which() -> None:
    runtime = Runtime(snapshot(budgets=(DAILY, PER_RUN, ONE_CALL)))
    for number in range(300):
        runtime.ask(msgspec.structs.replace(invocation(), id=f"inv_{number}", claims=Claims(run=f"run-{number}")))
        runtime.last.answers(WHOLE)
    runtime.ask(msgspec.structs.replace(invocation(), id="inv_open", claims=Claims(run="run-0")))
    held = runtime.held_tokens // 3
    found = read(runtime)
    assert found[m.BUDGET_SUBJECTS].numbers == {("daily",): 1, ("per-run",): 300}
    assert found[m.BUDGET_LIMIT_TOKENS].numbers == {("daily",): 10_000}
    assert found[m.BUDGET_SETTLED_TOKENS].numbers == {("daily",): 3_000}
    assert found[m.BUDGET_HELD_TOKENS].numbers[("daily",)] >= held > 0
    assert found[m.BUDGET_LIMIT_USD].numbers == {("daily",): 5_000_000_000}
    fullest = found[m.BUDGET_FULLEST].numbers
    account = next(account for key, account in dict(runtime.ledger.entries()).items() if key[:2] == ("per-run", "run-0"))
    assert fullest[("per-run",)] == (account.settled_tokens + account.held_tokens) * 100
    assert found[m.BUDGET_REFUSALS].numbers == {("daily",): 0, ("per-run",): 0, ("one-call",): 0}, "an alert sees the first one"
    assert found[m.HOLDS_OPEN].numbers == {(): 1}


def test_a_window_that_ended_is_not_shown() -> None:
    runtime = Runtime(snapshot(budgets=(DAILY,)))
    runtime.ask(invocation())
    runtime.last.answers(WHOLE)
    assert read(runtime)[m.BUDGET_SETTLED_TOKENS].numbers == {("daily",): 10}
    runtime.clock.advance(48 * 3_600 * SECOND)
    found = read(runtime)
    assert found[m.BUDGET_SETTLED_TOKENS].numbers == {("daily",): 0}
    assert found[m.BUDGET_SUBJECTS].numbers == {("daily",): 0}


def test_open_work_is_counted_as_it_stands() -> None:
    runtime = Runtime(snapshot())
    _, first = runtime.ask(invocation())
    runtime.ask(msgspec.structs.replace(invocation(stream=True), id="inv_2"))
    runtime.last.begins()
    runtime.last.streams(STREAM[0])
    found = read(runtime)
    assert found[m.OPEN].numbers == {(): 2}
    assert found[m.STREAMS_OPEN].numbers == {(): 1}
    assert found[m.ATTEMPTS_OPEN].numbers == {("gpt", "openai"): 2}
    runtime.last.streams(*STREAM[1:])
    first.leave()
    found = read(runtime)
    assert found[m.OPEN].numbers == {(): 0}
    assert found[m.ATTEMPTS_OPEN].numbers == {("gpt", "openai"): 0}, "a route that was in use shows 0"


def test_a_model_that_rests_is_shown() -> None:
    runtime = Runtime(snapshot())
    runtime.ask(invocation())
    runtime.last.answers(refused(), 429, [(b"retry-after", b"30")])
    assert read(runtime)[m.RESTING].numbers == {("gpt", "openai"): 1, ("claude", "anthropic"): 0}
    runtime.clock.advance(31 * SECOND)
    assert read(runtime)[m.RESTING].numbers[("gpt", "openai")] == 0


def test_reviews_that_wait_and_how_long() -> None:
    runtime = Runtime(snapshot(gates=(GATE,)))
    assert read(runtime)[m.REVIEW_OLDEST].numbers == {(): 0}
    runtime.ask(invocation())
    runtime.last.answers(WHOLE)
    runtime.clock.advance(5 * SECOND)
    runtime.ask(msgspec.structs.replace(invocation(), id="inv_2"))
    runtime.last.answers(WHOLE)
    runtime.clock.advance(SECOND)
    found = read(runtime)
    assert found[m.REVIEWS_OPEN].numbers == {("looked-at",): 2}
    assert found[m.REVIEW_OLDEST].numbers == {(): 6 * SECOND}
    assert found[m.REVIEWS_OPENED].numbers == {("looked-at",): 2}


def test_what_assembly_says_is_shown() -> None:
    found = read(Runtime(snapshot()))
    assert found[m.UPSTREAM].numbers == {("busy",): 3, ("idle",): 2}
    assert found[m.REQUESTS_REFUSED].numbers == PLUMBING.refusals
    assert found[m.FILING_STOPPED].numbers == {(): 1}
    assert found[m.RECOVERED].numbers == {("interrupted",): 3, ("settled_at_bound",): 1, ("voided",): 2}
    assert found[m.POLICY_INFO].numbers == {("1", "d" * 64): 1}
    assert found[m.POLICY_DRIFT].numbers == {(): 0}


def test_a_policy_may_want_no_metrics() -> None:
    runtime = Runtime(msgspec.structs.replace(snapshot(), metrics=False))
    assert asyncio.run(Measuring(runtime.carrier, runtime.policies, runtime.alerting, lambda: PLUMBING).read()) is None
