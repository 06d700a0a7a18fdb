"""Breakers, probes and slow models over a whole runtime: who is asked, who is passed by, and that no probe's place is ever lost."""

import msgspec
import pytest
from tests.support.answers import ANTHROPIC_WHOLE, WHOLE, refused
from tests.support.carrying import FakeLine, Runtime
from tests.support.snapshots import EVERY_TRIGGER, OPENAI, SECOND, invocation, snapshot

from orchvynt.decisions.fallback.breakers import RAMP_NS
from orchvynt.decisions.fallback.routes import Route
from orchvynt.language.snapshot import Breaking, Budget, Chain, Limits, Snapshot
from orchvynt.model.facts import AnyFact, CandidateSkipped, FallbackActivated, RetryScheduled
from orchvynt.ports.upstream import UpstreamFailure
from orchvynt.runtime.life import Life

BREAKING = Breaking(window_ns=30 * SECOND, min_calls=4, error_rate=5_000, open_for_ns=15 * SECOND, probes=2)


def policy(tiers: tuple[str, ...] = ("gpt", "claude"), budgets: tuple[Budget, ...] = ()) -> Snapshot:
    return msgspec.structs.replace(snapshot(tiers=tiers, budgets=budgets, max_retries=0), breaking=BREAKING)


def ask(runtime: Runtime, name: str) -> tuple[Life, FakeLine]:
    return runtime.ask(msgspec.structs.replace(invocation(), id=f"inv_{name}"))


def opened(runtime: Runtime) -> Route:
    """Four calls fail, and the breaker of gpt is open."""
    for number in range(4):
        ask(runtime, f"bad{number}")
        runtime.last.answers(refused("oops", "server_error"), 500)
    route = runtime.health.find(OPENAI, "gpt")
    assert route.breaker.open
    return route


def half_open(runtime: Runtime) -> Route:
    route = opened(runtime)
    runtime.clock.advance(BREAKING.open_for_ns)
    return route


def noted(runtime: Runtime, kind: type[AnyFact]) -> list[AnyFact]:
    return [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, kind)]


def at_gpt(runtime: Runtime) -> bool:
    return runtime.last.address.port == OPENAI.port


def test_an_open_breaker_is_passed_by_with_its_numbers_on_record() -> None:
    runtime = Runtime(policy())
    opened(runtime)
    ask(runtime, "x")
    assert not at_gpt(runtime)
    skipped = noted(runtime, CandidateSkipped)[-1]
    assert isinstance(skipped, CandidateSkipped)
    assert (skipped.model, skipped.why) == ("gpt", "breaker")
    until = runtime.clock.now() + 15 * SECOND
    assert skipped.detail == {"rests_ms": 15_000, "state": "open", "until": until, "error_rate": 1.0, "because": "model"}


def test_with_no_other_tier_the_caller_is_told_at_once_when_to_come_back() -> None:
    runtime = Runtime(policy(tiers=()))
    ask(runtime, "slow")
    route = opened(runtime)
    arrivals = len(runtime.upstream.arrivals)
    runtime.clock.advance(2 * SECOND)
    _, line = ask(runtime, "x")
    assert len(runtime.upstream.arrivals) == arrivals, "nothing was sent, and nothing is waited for"
    assert (line.status, line.code, line.headers["retry-after"]) == (503, "all_providers_failed", "13")
    assert line.json["error"]["skipped"] == [{"model": "gpt", "why": "breaker"}]
    assert route.breaker.opened == 1


def test_the_call_that_opens_it_is_told_when_to_come_back_and_not_retried() -> None:
    runtime = Runtime(msgspec.structs.replace(policy(tiers=()), retry=snapshot(max_retries=3).retry))
    for number in range(3):
        ask(runtime, str(number))
    _, line = ask(runtime, "last")
    for arrival in list(runtime.upstream.arrivals):
        arrival.answers(refused("oops", "server_error"), 500)
    assert (line.status, line.headers["retry-after"]) == (503, "15")
    assert len(noted(runtime, RetryScheduled)) == 3


def test_one_probe_at_a_time_and_then_everybody_comes_back_little_by_little() -> None:
    runtime = Runtime(policy())
    route = half_open(runtime)
    for number in range(2):
        ask(runtime, f"probe{number}")
        probe = runtime.last
        assert at_gpt(runtime)
        _, line = ask(runtime, f"other{number}")
        assert not at_gpt(runtime)
        runtime.last.answers(ANTHROPIC_WHOLE)
        assert line.status == 200
        probe.answers(WHOLE)
    assert not route.breaker.open
    went = []
    for number in range(3):
        ask(runtime, f"ramp{number}")
        went.append(at_gpt(runtime))
    assert went == [True, False, False]
    runtime.clock.advance(RAMP_NS)
    ask(runtime, "after")
    assert at_gpt(runtime)


def test_when_the_ramp_passes_it_by_and_all_others_fail_it_is_asked_after_all() -> None:
    runtime = Runtime(policy())
    half_open(runtime)
    for number in range(2):
        ask(runtime, f"probe{number}")
        runtime.last.answers(WHOLE)
    ask(runtime, "first")
    ask(runtime, "second")
    assert not at_gpt(runtime)
    runtime.last.answers(b'{"type":"error","error":{"type":"authentication_error","message":"no"}}', 401)
    assert at_gpt(runtime)


@pytest.mark.parametrize("how", ["caller", "deadline", "defect", "shed", "refused"])
def test_a_probe_that_is_never_decided_makes_room_for_another(how: str) -> None:
    runtime = Runtime(policy())
    half_open(runtime)
    life, line = ask(runtime, "probe")
    assert at_gpt(runtime)
    match how:
        case "caller":
            line.leave()
        case "deadline":
            life.stop_timer("answer")
            runtime.later(300 * SECOND)
        case "defect":
            runtime.carrier.failed(life, RuntimeError("a defect"))
        case "shed":
            runtime.last.listener.on_failure(UpstreamFailure("busy", "all connections are in use", False, False))
        case "refused":
            runtime.last.answers(refused("no such parameter", "invalid_request_error"), 400)
    ask(runtime, "next")
    assert at_gpt(runtime), how
    assert life.probe is None


def test_a_probe_that_cannot_be_recorded_makes_room_for_another() -> None:
    runtime = Runtime(policy())
    half_open(runtime)
    runtime.journal.broken = True
    _, line = ask(runtime, "probe")
    assert line.code == "store_unavailable"
    runtime.journal.broken = False
    ask(runtime, "next")
    assert at_gpt(runtime)


def test_a_candidate_that_a_budget_refuses_takes_no_probes_place() -> None:
    runtime = Runtime(policy())
    route = half_open(runtime)
    budget = Budget("b", "global", None, "day", Limits(None, 1), wait_for_holds_ns=0)
    runtime.policies.current = msgspec.structs.replace(policy(budgets=(budget,)), version=2)
    _, line = ask(runtime, "x")
    assert line.code == "budget_exceeded"
    assert route.breaker.open
    assert not route.breaker.refuses(runtime.clock.monotonic())


def test_a_refused_address_is_refused_for_every_model_behind_it() -> None:
    runtime = Runtime(policy(tiers=()))
    for number in range(4):
        ask(runtime, str(number))
        runtime.last.listener.on_failure(UpstreamFailure("connect", "connection refused", False, False))
    standing = runtime.health.standing(OPENAI, "another", runtime.clock.monotonic())
    assert (standing.address.state, standing.breaker.state, standing.why) == ("open", "closed", "breaker")


def slow(runtime: Runtime) -> None:
    for _ in range(100):
        runtime.statistics.answered("openai", "gpt", 10 * SECOND, None, runtime.clock.monotonic())


def test_a_slow_model_is_left_for_the_next_tier_but_for_one_that_looks_whether_it_still_is() -> None:
    chain = Chain("default", ("gpt", "claude"), EVERY_TRIGGER | {"latency"}, latency_p99_ns=9 * SECOND)
    runtime = Runtime(msgspec.structs.replace(policy(), chains={"default": chain}))
    slow(runtime)
    ask(runtime, "looks")
    assert at_gpt(runtime)
    probe = runtime.last
    _, line = ask(runtime, "leaves")
    assert not at_gpt(runtime)
    runtime.last.answers(ANTHROPIC_WHOLE)
    assert (line.headers["x-orchvynt-model"], line.headers["x-orchvynt-tier"]) == ("claude", "2")
    activated, skipped = noted(runtime, FallbackActivated)[-1], noted(runtime, CandidateSkipped)[-1]
    assert isinstance(activated, FallbackActivated)
    assert isinstance(skipped, CandidateSkipped)
    assert (activated.trigger, activated.from_model, activated.to_model) == ("latency", "gpt", "claude")
    assert (skipped.why, skipped.detail["p99_ms"] > 9_000) == ("slow", True)
    probe.answers(WHOLE)
    ask(runtime, "looks again")
    assert at_gpt(runtime)


def test_where_every_tier_is_slow_the_first_one_is_asked() -> None:
    chain = Chain("default", ("gpt", "claude"), EVERY_TRIGGER | {"latency"}, latency_p99_ns=9 * SECOND)
    runtime = Runtime(msgspec.structs.replace(policy(), chains={"default": chain}))
    slow(runtime)
    for _ in range(100):
        runtime.statistics.answered("anthropic", "claude", 10 * SECOND, None, runtime.clock.monotonic())
    for number in range(2):
        ask(runtime, f"probe{number}")
    ask(runtime, "x")
    assert at_gpt(runtime)


def test_a_long_stream_keeps_nobody_waiting_once_it_has_begun() -> None:
    runtime = Runtime(policy())
    route = half_open(runtime)
    for number in range(2):
        runtime.ask(msgspec.structs.replace(invocation(stream=True), id=f"inv_s{number}"))
        assert at_gpt(runtime)
        runtime.last.begins()
        runtime.last.streams(b'data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"hi"}}]}\n\n')
    assert not route.breaker.open
