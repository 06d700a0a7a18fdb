"""Lives carried by the runtime over fakes: facts before effects, one end for each, and closed when something fails."""

import msgspec
import pytest
from tests.support.answers import ANTHROPIC_WHOLE, DONE, STREAM, WHOLE, chunk, refused
from tests.support.carrying import Arrival, FakeLine, Runtime
from tests.support.snapshots import OPENAI, SECOND, invocation, snapshot

from orchvynt.language.snapshot import Budget, Gate, Limits
from orchvynt.lifecycle import events
from orchvynt.model.facts import AttemptSettled, InvocationFinished
from orchvynt.model.invocation import Invocation
from orchvynt.model.usage import Usage

DAILY = Budget("daily", "global", None, "day", Limits(None, 10_000))
ONE_CALL = Budget("one-call", "invocation", None, "lifetime", Limits(None, 10_000))


def named(name: str) -> Invocation:
    return msgspec.structs.replace(invocation(), id=name)


def wake(runtime: Runtime) -> None:
    runtime.woken.pop(0)[1]()


def test_an_answer_is_carried_through_and_leaves_nothing_behind() -> None:
    runtime = Runtime(snapshot(budgets=(DAILY, ONE_CALL)))
    life, line = runtime.ask(invocation())
    assert runtime.held_tokens > 0
    runtime.clock.advance(SECOND)
    runtime.last.answers(WHOLE)
    assert (line.ended, line.status, line.body) == ("answered", 200, WHOLE)
    assert runtime.carrier.lives == {}
    assert life.exchange is None
    assert runtime.ledger.holds == {}
    assert [key[0] for key in dict(runtime.ledger.entries())] == ["daily"], "the account of a budget per invocation goes with it"
    assert dict(runtime.ledger.entries())[next(iter(dict(runtime.ledger.entries())))].settled_tokens == 10


def test_what_is_sent_and_answered_is_on_record_before() -> None:
    runtime = Runtime(snapshot())
    seen: list[list[str]] = []

    class Watching(FakeLine):
        def answer(self, *said: object, **more: object) -> None:
            seen.append(runtime.journal.tags)

    _, line = runtime.ask(invocation(), Watching())
    assert runtime.journal.tags == ["invocation_received", "routed", "hold_placed", "attempt_sent"]
    runtime.last.answers(WHOLE)
    assert isinstance(line, Watching)
    sent = ["invocation_received", "routed", "hold_placed", "attempt_sent"]
    assert seen == [[*sent, "attempt_ended", "attempt_settled", "answer_delivered", "invocation_finished"]]


def test_a_tier_that_fails_is_followed_by_the_next_in_its_own_dialect() -> None:
    runtime = Runtime(snapshot())
    life, line = runtime.ask(invocation())
    runtime.last.answers(refused(), 429)
    assert runtime.last.path.endswith("/v1/messages")
    runtime.last.answers(ANTHROPIC_WHOLE)
    assert line.status == 200
    assert line.json["choices"][0]["message"]["content"] == "hi"
    assert (line.headers["x-orchvynt-model"], line.headers["x-orchvynt-tier"], line.headers["x-orchvynt-attempts"]) == ("claude", "2", "2")
    assert runtime.health.standing(OPENAI, "gpt", runtime.clock.monotonic()).why == "rate_limit"
    assert life.state.phase == "done"


def test_a_retry_comes_after_its_wait() -> None:
    runtime = Runtime(snapshot(tiers=()))
    _, line = runtime.ask(invocation())
    runtime.last.answers(refused("oops", "server_error"), 500)
    assert len(runtime.upstream.arrivals) == 1
    assert len(runtime.woken) == 1
    assert runtime.woken[0][0] >= SECOND // 8
    wake(runtime)
    runtime.last.answers(WHOLE)
    assert line.body == WHOLE


def test_a_timer_that_comes_after_the_caller_left_does_nothing() -> None:
    runtime = Runtime(snapshot(tiers=()))
    _, line = runtime.ask(invocation())
    runtime.last.answers(refused("oops", "server_error"), 500)
    line.leave()
    assert runtime.carrier.lives == {}
    wake(runtime)
    assert len(runtime.upstream.arrivals) == 1


def test_a_caller_that_leaves_cancels_its_attempt_and_the_hold_is_settled_at_its_bound() -> None:
    runtime = Runtime(snapshot(budgets=(DAILY,)))
    _, line = runtime.ask(invocation())
    held = runtime.held_tokens
    line.leave()
    assert runtime.last.call.cancelled
    account = next(iter(dict(runtime.ledger.entries()).values()))
    assert (account.settled_tokens, account.held_tokens) == (held, 0)
    assert runtime.journal.tags[-1] == "invocation_finished"


def test_a_stream_flows_as_it_comes_and_ends_with_its_marker() -> None:
    runtime = Runtime(snapshot())
    _, line = runtime.ask(invocation(stream=True))
    arrival = runtime.last
    arrival.begins()
    arrival.streams(STREAM[0])
    assert line.status == 200
    assert b"he" in line.body
    assert DONE not in line.body
    arrival.streams(*STREAM[1:])
    assert line.ended == "ended"
    assert line.body.endswith(DONE)
    assert line.body.count(DONE) == 1
    receipt = next(fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, AttemptSettled))
    assert receipt.usage == Usage(9, 2)


def test_a_stream_that_is_cut_ends_with_an_error_event_and_without_a_marker() -> None:
    runtime = Runtime(snapshot())
    _, line = runtime.ask(invocation(stream=True))
    runtime.last.begins()
    runtime.last.streams(STREAM[0])
    runtime.last.listener.on_end()
    assert line.ended == "aborted"
    assert b'"error"' in line.body
    assert DONE not in line.body


def test_a_stream_without_any_content_is_whole_all_the_same() -> None:
    runtime = Runtime(snapshot())
    _, line = runtime.ask(invocation(stream=True))
    runtime.last.begins()
    runtime.last.streams(chunk(finish="length"), DONE)
    assert line.ended == "ended"
    assert line.body.endswith(DONE)
    assert runtime.journal.tags[-1] == "invocation_finished"


@pytest.mark.parametrize("gated", [False, True])
def test_what_cannot_be_recorded_is_not_sent(gated: bool) -> None:
    gates = (Gate("g", "output", None, "people", False, None),) if gated else ()
    runtime = Runtime(snapshot(budgets=(DAILY,), gates=gates))
    runtime.journal.broken = True
    _, line = runtime.ask(invocation())
    assert runtime.upstream.arrivals == []
    assert (line.status, line.code) == (503, "store_unavailable")
    assert runtime.ledger.holds == {}
    assert runtime.carrier.lives == {}
    runtime.journal.broken = False
    runtime.carrier.kept.write()
    assert runtime.journal.frames == [], "it never was, and no end is written for it"


@pytest.mark.parametrize("gated", [False, True])
def test_an_answer_that_cannot_be_recorded_is_not_given_and_settled_once_it_can(gated: bool) -> None:
    gates = (Gate("g", "output", None, "people", False, None),) if gated else ()
    runtime = Runtime(snapshot(budgets=(DAILY,), gates=gates))
    _, line = runtime.ask(invocation())
    runtime.journal.broken = True
    runtime.last.answers(WHOLE)
    assert (line.status, line.code) == (503, "store_unavailable")
    assert runtime.held_tokens > 0, "nobody else may spend it before it is settled"
    runtime.carrier.kept.write()
    assert runtime.held_tokens > 0
    runtime.journal.broken = False
    runtime.carrier.kept.write()
    runtime.carrier.kept.write()
    assert runtime.ledger.holds == {}
    finished = [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, InvocationFinished)]
    assert [fact.outcome for fact in finished] == ["interrupted"]
    assert runtime.journal.tags.count("attempt_settled") == 1


def test_a_stream_that_cannot_be_recorded_any_more_ends_with_an_error_event() -> None:
    runtime = Runtime(snapshot())
    _, line = runtime.ask(invocation(stream=True))
    runtime.last.begins()
    runtime.last.streams(STREAM[0])
    runtime.journal.broken = True
    runtime.last.streams(*STREAM[1:])
    assert line.ended == "aborted"
    assert DONE not in line.body
    assert b"store_unavailable" in line.body


def test_a_stream_without_content_that_cannot_be_recorded_ends_its_life_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Its first fact is written at its end: that the life was over by then went unnoticed, and a second end was tried. Found by the
    simulation."""
    runtime = Runtime(snapshot(budgets=(DAILY,)))
    _, line = runtime.ask(invocation(stream=True))
    runtime.last.begins()
    runtime.journal.broken = True
    runtime.last.streams(chunk(finish="stop"), DONE)
    assert (line.status, line.code) == (503, "store_unavailable")
    assert runtime.last.call.cancelled
    runtime.journal.broken = False
    runtime.carrier.kept.write()
    assert runtime.journal.tags.count("attempt_settled") == 1
    assert runtime.ledger.holds == {}
    assert capsys.readouterr().err == ""


def test_a_defect_ends_one_invocation_closed_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    runtime = Runtime(snapshot(budgets=(DAILY,)))
    life, line = runtime.ask(invocation())
    runtime.carrier.feed(life, events.BackoffElapsed(runtime.clock.now(), 0))
    assert (line.status, line.code) == (500, "internal")
    assert runtime.last.call.cancelled
    assert "UnexpectedEventError" in capsys.readouterr().err
    runtime.carrier.kept.write()
    assert runtime.ledger.holds == {}, "its hold is settled at its bound"
    other, answered = runtime.ask(msgspec.structs.replace(invocation(), id="inv_2"))
    runtime.last.answers(WHOLE)
    assert (answered.body, other.state.phase) == (WHOLE, "done")


def test_who_waits_for_holds_is_sent_when_one_is_released() -> None:
    runtime = Runtime(snapshot(tiers=(), budgets=(Budget("b", "global", None, "day", Limits(None, 150)),)))
    first, _ = runtime.ask(invocation())
    one = runtime.last
    second, line = runtime.ask(named("inv_2"))
    assert second.queued is not None
    assert "hold_awaited" in runtime.journal.tags
    one.answers(WHOLE)
    assert second.queued is None
    assert first.state.phase == "done"
    runtime.last.answers(WHOLE)
    assert line.body == WHOLE


def test_one_that_left_the_queue_is_never_sent() -> None:
    runtime = Runtime(snapshot(tiers=(), budgets=(Budget("b", "global", None, "day", Limits(None, 150)),)))
    runtime.ask(invocation())
    one: Arrival = runtime.last
    _, line = runtime.ask(named("inv_2"))
    line.leave()
    assert runtime.carrier.admitting.queue.count == 0
    one.answers(WHOLE)
    assert len(runtime.upstream.arrivals) == 1
