"""Deadlines: each of the policy's limits ends what it names, at its time and not before."""

import asyncio

import msgspec
import pytest
from tests.support.answers import STREAM, WHOLE, chunk, refused
from tests.support.carrying import Runtime
from tests.support.loops import until
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.language.snapshot import Snapshot, Timeouts

# connect, first token, stall, answer, invocation
TIMEOUTS = Timeouts(2 * SECOND, 15 * SECOND, 20 * SECOND, 60 * SECOND, 300 * SECOND)


def policy(tiers: tuple[str, ...] = ("gpt", "claude"), max_retries: int = 0) -> Snapshot:
    return msgspec.structs.replace(snapshot(tiers=tiers, max_retries=max_retries), timeouts=TIMEOUTS)


def outcomes(runtime: Runtime) -> list[str]:
    return [fact.outcome for frame in runtime.journal.frames for fact in frame if fact.__struct_config__.tag == "attempt_ended"]  # type: ignore[union-attr]


def test_an_answer_that_does_not_come_is_given_up_and_the_next_tier_asked() -> None:
    runtime = Runtime(policy())
    runtime.ask(invocation())
    first = runtime.last
    runtime.later(60 * SECOND - 1)
    assert not first.call.cancelled
    runtime.later(1)
    assert first.call.cancelled
    assert outcomes(runtime) == ["timeout"]
    assert len(runtime.upstream.arrivals) == 2
    assert "attempt_settled" in runtime.journal.tags, "it may have run"


def test_a_stream_whose_first_token_does_not_come_is_given_up() -> None:
    runtime = Runtime(policy())
    runtime.ask(invocation(stream=True))
    first = runtime.last
    first.begins()
    runtime.later(15 * SECOND)
    assert first.call.cancelled
    assert len(runtime.upstream.arrivals) == 2


def test_a_stream_that_stalls_is_broken_visibly_and_one_that_goes_on_is_not() -> None:
    runtime = Runtime(policy())
    _, line = runtime.ask(invocation(stream=True))
    runtime.last.begins()
    runtime.last.streams(STREAM[0])
    for _ in range(4):
        runtime.later(20 * SECOND)
        assert line.ended == ""
        runtime.last.streams(chunk("more"))
    runtime.later(20 * SECOND)
    runtime.later(20 * SECOND)
    assert line.ended == "aborted"
    assert outcomes(runtime) == ["stall"]


def test_a_provider_is_not_blamed_for_a_caller_that_does_not_read() -> None:
    runtime = Runtime(policy())
    _, line = runtime.ask(invocation(stream=True))
    runtime.last.begins()
    runtime.last.streams(STREAM[0])
    assert line.on_full is not None
    line.on_full()
    for _ in range(5):
        runtime.later(20 * SECOND)
    assert line.ended == ""
    assert outcomes(runtime) == []


def test_the_invocation_has_a_deadline_over_all_its_attempts() -> None:
    runtime = Runtime(policy(tiers=(), max_retries=9))
    _, line = runtime.ask(invocation())
    runtime.clock.advance(299 * SECOND)
    runtime.last.answers(refused("oops", "server_error"), 500)
    runtime.later(1 * SECOND)
    assert (line.status, line.code) == (503, "all_providers_failed")
    assert "300 s" in line.json["error"]["message"]
    assert runtime.carrier.lives == {}


def test_the_deadline_is_told_as_it_was_set() -> None:
    brief = policy(tiers=())
    runtime = Runtime(msgspec.structs.replace(brief, timeouts=msgspec.structs.replace(brief.timeouts, invocation_ns=5 * SECOND // 2)))
    _, line = runtime.ask(invocation())
    runtime.later(3 * SECOND)
    assert "No answer within 2.5 s (`timeouts.invocation`)" in line.json["error"]["message"]


def test_a_stream_that_flows_has_no_deadline() -> None:
    runtime = Runtime(policy())
    _, line = runtime.ask(invocation(stream=True))
    runtime.last.begins()
    for _ in range(40):
        runtime.last.streams(chunk("more"))
        runtime.later(10 * SECOND)
    assert line.ended == ""


def test_a_life_that_ended_in_the_same_sweep_is_left_alone() -> None:
    """The deadline and the answer's time fall together."""
    runtime = Runtime(msgspec.structs.replace(policy(), timeouts=Timeouts(SECOND, SECOND, SECOND, 60 * SECOND, 60 * SECOND)))
    _, line = runtime.ask(invocation())
    runtime.later(60 * SECOND)
    assert line.status in (0, 503)
    runtime.later(60 * SECOND)
    assert line.status == 503
    assert runtime.journal.tags.count("invocation_finished") == 1


def test_what_a_provider_leaves_open_after_its_marker_is_closed() -> None:
    runtime = Runtime(policy())
    runtime.ask(invocation(stream=True))
    runtime.last.begins()
    runtime.last.streams(*STREAM)
    runtime.later(1 * SECOND)
    assert not runtime.last.call.cancelled
    runtime.later(1 * SECOND)
    assert runtime.last.call.cancelled


def test_the_loop_sweeps_by_itself_and_outlives_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> None:
        runtime = Runtime(policy())
        life, _ = runtime.ask(invocation())
        _, line = runtime.ask(msgspec.structs.replace(invocation(), id="inv_2"))
        life.timers["deadline"] = "never a number"  # type: ignore[assignment]  # the defect that is played
        life.due = 0
        running = runtime.tasks.start(runtime.sweeping.run(), "sweep")
        await until(lambda: "the sweep failed" in capsys.readouterr().err)
        del runtime.carrier.lives["inv_1"]
        runtime.clock.advance(301 * SECOND)
        await until(lambda: line.status == 503)
        assert not running.done()
        await runtime.tasks.stop()

    asyncio.run(scenario())


def test_an_answer_in_time_stops_its_timers() -> None:
    runtime = Runtime(policy())
    life, line = runtime.ask(invocation())
    runtime.last.answers(WHOLE)
    runtime.later(600 * SECOND)
    assert line.body == WHOLE
    assert "answer" not in life.timers
