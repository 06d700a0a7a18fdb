"""Rate limits over whole lives: refused before anything else, corrected once by whatever path a life ends, and nothing leaks."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.answers import DONE, STREAM, USAGE, WHOLE, chunk, refused
from tests.support.carrying import FakeLine, Runtime
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.language.compiled import Expression
from orchvynt.language.snapshot import Gate, RateLimit, Snapshot
from orchvynt.model.facts import InvocationRefused
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims, Invocation

MINUTE = 60 * SECOND
PER_AGENT = RateLimit("per-agent", "agent", None, MINUTE, invocations=3, tokens=10_000, concurrent=2)
LOOKED_AT = Gate("looked-at", "output", None, "people", False, None)


def limited(*limits: RateLimit, gates: tuple[Gate, ...] = (), max_retries: int = 1) -> Snapshot:
    return msgspec.structs.replace(snapshot(gates=gates, max_retries=max_retries), rate_limits=limits)


def named(number: int, stream: bool = False, agent: str = "", output: int | None = None) -> Invocation:
    asked = invocation(stream=stream, claims=Claims(agent=agent))
    return msgspec.structs.replace(asked, id=f"inv_{number}", ask=msgspec.structs.replace(asked.ask, max_output_tokens=output))


def stands(runtime: Runtime, limit: RateLimit = PER_AGENT) -> dict[str, tuple[int, int, int]]:
    """By subject: invocations and tokens that are used, in whole ones, and how many run."""
    found = runtime.carrier.limiting.limiter.standing([limit], runtime.clock.monotonic())
    return {subject: (-(-one.calls // limit.window_ns), -(-one.tokens // limit.window_ns), one.running) for _, subject, one in found}


def test_one_too_many_is_refused_before_it_is_routed_and_costs_nothing() -> None:
    runtime = Runtime(limited(PER_AGENT))
    lines = [runtime.ask(named(number))[1] for number in range(2)]
    before = stands(runtime)
    _, line = runtime.ask(named(2))
    assert (line.status, line.code, line.headers["retry-after"]) == (429, "rate_limited", "1")
    assert line.json["error"]["rate_limit"] == "per-agent"
    assert stands(runtime) == before
    assert len(runtime.upstream.arrivals) == 2
    assert [str(fact.__struct_config__.tag) for fact in runtime.journal.frames[-1]] == [
        "invocation_received", "invocation_refused", "invocation_finished",
    ]  # fmt: skip
    fact = runtime.journal.frames[-1][1]
    assert isinstance(fact, InvocationRefused)
    assert (fact.detail["unit"], fact.detail["limit"], fact.detail["subject"]) == ("concurrent", 2, "(none)")
    for arrival in runtime.upstream.arrivals:
        arrival.answers(WHOLE)
    assert [line.status for line in lines] == [200, 200]
    assert stands(runtime) == {"(none)": (2, 20, 0)}, "what was used in place of what was estimated"
    assert runtime.carrier.counting.rate_refusals.numbers == {("per-agent",): 1}


def test_an_answer_tells_what_remains_after_it() -> None:
    runtime = Runtime(limited(PER_AGENT))
    _, line = runtime.ask(named(0))
    runtime.last.answers(WHOLE, headers=[(b"x-ratelimit-remaining-requests", b"7"), (b"anthropic-ratelimit-tokens-limit", b"7")])
    rates = {name: value for name, value in line.headers.items() if "ratelimit" in name}
    assert rates == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "20s",
        "x-ratelimit-limit-tokens": "10000",
        "x-ratelimit-remaining-tokens": "9990",
        "x-ratelimit-reset-tokens": "60ms",
    }, "and nothing of the provider's own"


def test_without_a_limit_nothing_is_told_and_the_providers_limits_are_not_passed_on() -> None:
    runtime = Runtime(limited(RateLimit("others", "agent", Expression("false", lambda _: False, frozenset()), MINUTE, 1)))
    for number in range(3):
        life, line = runtime.ask(named(number))
        assert life.ticket is None
        runtime.last.answers(WHOLE, headers=[(b"x-ratelimit-limit-requests", b"7"), (b"x-ratelimit-reset-requests", b"1s")])
        assert not [name for name in line.headers if "ratelimit" in name]


def test_what_its_identity_has_against_a_call_comes_first() -> None:
    runtime = Runtime(limited(PER_AGENT))
    life, _ = runtime.ask(named(0))
    runtime.last.answers(WHOLE)
    before = stands(runtime)
    from_nobody = Fault("forbidden", "This key may not.")
    made = type(life)(runtime.policies.current, type(life.state)(named(1)), runtime.clock.monotonic())
    runtime.carrier.begin(made, {}, from_nobody)  # type: ignore[arg-type]  # nothing is read
    assert stands(runtime) == before


def whole(runtime: Runtime, line: FakeLine) -> None:
    runtime.last.answers(WHOLE)


def fails(runtime: Runtime, line: FakeLine) -> None:
    runtime.last.answers(refused(), 400)


def leaves(runtime: Runtime, line: FakeLine) -> None:
    line.leave()


def is_late(runtime: Runtime, line: FakeLine) -> None:
    runtime.later(301 * SECOND)


def cannot_be_written(runtime: Runtime, line: FakeLine) -> None:
    runtime.journal.broken = True
    runtime.last.answers(WHOLE)


def every_tier_fails(runtime: Runtime, line: FakeLine) -> None:
    for _ in range(6):
        if line.status:
            return
        runtime.last.answers(refused(), 500)
        while runtime.woken:
            runtime.clock.advance(10 * SECOND)
            runtime.woken.pop(0)[1]()


@pytest.mark.parametrize("end", [whole, fails, leaves, is_late, cannot_be_written, every_tier_fails])
def test_however_a_call_ends_it_runs_no_longer(end: Callable[[Runtime, FakeLine], None]) -> None:
    limit = RateLimit("r", "agent", None, 1_000 * MINUTE, invocations=3, tokens=100_000, concurrent=1)
    runtime = Runtime(limited(limit))
    life, line = runtime.ask(named(0))
    assert stands(runtime, limit)["(none)"][2] == 1
    end(runtime, line)
    assert life.ticket is None
    assert stands(runtime, limit)["(none)"][::2] == (1, 0)
    assert runtime.carrier.lives == {}


def streamed(runtime: Runtime, line: FakeLine) -> None:
    runtime.last.begins()
    runtime.last.streams(*STREAM)


def breaks_off(runtime: Runtime, line: FakeLine) -> None:
    runtime.last.begins()
    runtime.last.streams(chunk("he"))
    runtime.last.listener.on_end()


def leaves_amid(runtime: Runtime, line: FakeLine) -> None:
    runtime.last.begins()
    runtime.last.streams(chunk("he"))
    line.leave()


@pytest.mark.parametrize(("end", "used"), [(streamed, 11), (breaks_off, None), (leaves_amid, None)])
def test_a_stream_is_corrected_once(end: Callable[[Runtime, FakeLine], None], used: int | None) -> None:
    runtime = Runtime(msgspec.structs.replace(limited(PER_AGENT), chains={}))
    _, line = runtime.ask(named(0, stream=True, output=300))
    estimated = stands(runtime)["(none)"][1]
    assert estimated > 300
    end(runtime, line)
    _, tokens, running = stands(runtime)["(none)"]
    assert running == 0
    # Where nobody knows what was used, it is the bound: never less than what was estimated.
    assert tokens == used if used is not None else tokens >= estimated
    if used is not None:
        assert line.headers["x-ratelimit-limit-requests"] == "3"
        assert b"ratelimit" not in line.body, "what the head of a stream says stands there only"


def test_a_parked_call_is_not_counted_and_nobody_who_joins_it_is() -> None:
    async def scenario() -> None:
        runtime = Runtime(limited(PER_AGENT, gates=(LOOKED_AT,)))
        life, line = runtime.ask(named(0))
        runtime.last.answers(WHOLE)
        assert life.state.phase == "in_review"
        assert stands(runtime) == {"(none)": (1, 10, 0)}
        line.leave()
        one = runtime.parked.invocation("inv_0")
        assert one is not None
        runtime.reviewing.join(one, FakeLine(), "")
        await asyncio.sleep(0)
        assert stands(runtime) == {"(none)": (1, 10, 0)}
        await runtime.tasks.stop()

    asyncio.run(scenario())


def test_limits_of_an_old_policy_are_forgotten_by_the_housekeeping() -> None:
    runtime = Runtime(limited(PER_AGENT))
    runtime.ask(named(0))
    runtime.last.answers(WHOLE)
    runtime.carrier.limiting.forget(snapshot())
    assert stands(runtime) == {}


STEPS = st.lists(st.tuples(st.sampled_from(["ask", "stream", "whole", "leave", "fail", "break", "wait"]), st.integers(0, 9)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_happens_nothing_leaks(steps: list[tuple[str, int]]) -> None:
    limit = RateLimit("r", "agent", None, MINUTE, invocations=50, tokens=50_000, concurrent=4)
    runtime = Runtime(limited(limit, max_retries=0))
    lines: list[FakeLine] = []
    for number, (step, which) in enumerate(steps):
        arrivals = [one for one in runtime.upstream.arrivals if not one.call.cancelled and not getattr(one, "over", False)]
        arrival = arrivals[which % len(arrivals)] if arrivals else None
        if step in ("ask", "stream"):
            lines.append(runtime.ask(named(number, stream=step == "stream", agent=f"a{which % 2}"))[1])
        elif step == "leave" and lines:
            line = lines[which % len(lines)]
            if not line.ended:
                line.leave()
        elif step == "wait":
            runtime.later(which * 5 * SECOND)
        elif arrival is not None and step in ("whole", "fail", "break"):
            arrival.over = True  # type: ignore[attr-defined]
            if step == "fail":
                arrival.answers(refused(), 503)
            elif arrival.body.get("stream"):
                arrival.begins()
                arrival.streams(chunk("he"))
                if step == "whole":
                    arrival.streams(chunk(finish="stop"), USAGE, DONE)
                else:
                    arrival.listener.on_end()
            else:
                arrival.answers(WHOLE if step == "whole" else b"{")
        assert all(one.running <= 4 for _, _, one in runtime.carrier.limiting.limiter.standing([limit], runtime.clock.monotonic()))
        by_agent = dict.fromkeys(("a0", "a1"), 0)
        for life in runtime.carrier.lives.values():
            by_agent[life.state.invocation.claims.agent] += 1
        running = {subject: one[2] for subject, one in stands(runtime, limit).items()}
        assert {agent: count for agent, count in by_agent.items() if count} == {agent: count for agent, count in running.items() if count}
    for line in lines:
        if not line.ended:
            line.leave()
    for _ in range(3):
        runtime.later(301 * SECOND)
        while runtime.woken:
            runtime.woken.pop(0)[1]()
    assert runtime.carrier.lives == {}
    assert all(one[2] == 0 for one in stands(runtime, limit).values())


def test_a_provider_that_has_nothing_left_is_passed_by_until_it_has() -> None:
    runtime = Runtime(snapshot())
    said = [(b"x-ratelimit-remaining-requests", b"0"), (b"x-ratelimit-reset-requests", b"20s")]
    _, line = runtime.ask(named(0))
    runtime.last.answers(WHOLE, headers=said)
    assert line.status == 200
    ended = next(fact for frame in runtime.journal.frames for fact in frame if fact.__struct_config__.tag == "attempt_ended")
    assert ended.quota_ns == 20 * SECOND  # type: ignore[union-attr]
    _, line = runtime.ask(named(1))
    assert runtime.last.path == "/v1/messages", "the next tier, before a 429 came"
    skipped = next(fact for frame in runtime.journal.frames for fact in frame if fact.__struct_config__.tag == "candidate_skipped")
    assert (skipped.why, skipped.detail["because"]) == ("resting", "quota")  # type: ignore[union-attr]
    runtime.later(20 * SECOND)
    runtime.ask(named(2))
    assert runtime.last.path == "/v1/chat/completions"


def test_a_lone_provider_that_has_nothing_left_is_asked_all_the_same() -> None:
    runtime = Runtime(snapshot(tiers=()))
    said = [(b"x-ratelimit-remaining-tokens", b"0"), (b"x-ratelimit-reset-tokens", b"6m0s")]
    for number in range(3):
        _, line = runtime.ask(named(number))
        runtime.last.answers(WHOLE, headers=said)
        assert line.status == 200
    route = runtime.health.find(runtime.policies.current.providers["openai"], "gpt")
    assert route.spent_until == runtime.clock.monotonic() + 360 * SECOND


def test_when_all_have_nothing_left_the_first_to_have_is_asked() -> None:
    runtime = Runtime(snapshot())
    openai, anthropic = (runtime.policies.current.providers[name] for name in ("openai", "anthropic"))
    runtime.health.spent(runtime.health.route(openai, "gpt"), runtime.clock.monotonic() + 20 * SECOND)
    runtime.health.spent(runtime.health.route(anthropic, "claude"), runtime.clock.monotonic() + 10 * SECOND)
    runtime.ask(named(0))
    assert runtime.last.path == "/v1/messages"
