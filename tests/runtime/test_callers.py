"""The connections of a life: held as long as they bear, kept alive, told once each, and missed when the last one goes."""

import msgspec
import pytest
from tests.support.answers import DONE, STREAM, WHOLE
from tests.support.budgets import line as line_of
from tests.support.carrying import FakeLine, Runtime
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.language.snapshot import Gate
from orchvynt.lifecycle.state import State
from orchvynt.model.faults import Fault
from orchvynt.runtime.callers import GRACE_NS, KEEP_ALIVE_NS, Callers
from orchvynt.runtime.life import Caller, Life

AUTO = Gate("g", "output", None, "people", False, None)
SHORT = Gate("g", "output", None, "people", False, 5 * SECOND)


def waiting(*gates: Gate, stream: bool = False, timeout_ns: int = 600 * SECOND, answer_after: int = 0) -> tuple[Runtime, Life, FakeLine]:
    """A parked life whose caller is held."""
    runtime = Runtime(snapshot(gates=gates))
    life, line = runtime.ask(msgspec.structs.replace(invocation(stream=stream), caller_timeout_ns=timeout_ns))
    runtime.clock.advance(answer_after)
    if stream:
        runtime.last.begins()
        runtime.last.streams(*STREAM)
    else:
        runtime.last.answers(WHOLE)
    return runtime, life, line


def test_only_the_last_caller_that_leaves_is_missed() -> None:
    gone: list[str] = []
    runtime = Runtime(snapshot())
    callers = Callers(runtime.clock, Ledger(), lambda life: gone.append(life.id))
    life = Life(snapshot(), State(invocation()), 0)
    lines = [FakeLine(), FakeLine()]
    for line in lines:
        callers.attach(life, Caller(line, "asked", "", 0))
    lines[0].leave()
    assert (gone, len(life.callers)) == ([], 1)
    lines[1].leave()
    assert gone == ["inv_1"]


def test_who_was_told_is_not_missed_when_it_leaves() -> None:
    runtime, life, line = waiting(SHORT)
    runtime.carrier.callers.refuse(life, Fault("overloaded", "words"))
    assert line.on_gone is None
    line.leave()
    assert "caller_waits" not in runtime.journal.tags


def test_a_caller_is_held_as_long_as_the_gate_says() -> None:
    runtime, _, line = waiting(SHORT)
    runtime.later(5 * SECOND - 1)
    assert line.ended == ""
    runtime.later(1)
    assert (line.status, line.code, line.headers["retry-after"], line.headers["x-should-retry"]) == (409, "hitl_pending", "3", "true")
    assert runtime.carrier.lives == {}


def test_a_caller_with_little_patience_is_told_at_once() -> None:
    runtime, _, line = waiting(AUTO, timeout_ns=GRACE_NS // 2)
    runtime.later(0)
    assert line.status == 409


def test_a_caller_is_told_before_its_own_timeout() -> None:
    """An answer after 50 s leaves the caller 70: held for 110 s from then, it would give up first and hear nothing."""
    runtime, _, line = waiting(AUTO, timeout_ns=120 * SECOND, answer_after=50 * SECOND)
    runtime.later(69 * SECOND)
    assert line.status == 409


def test_each_caller_is_held_for_its_own_time() -> None:
    runtime, life, first = waiting(SHORT)
    runtime.clock.advance(3 * SECOND)
    second = FakeLine()
    caller = Caller(second, "asked", "", runtime.clock.monotonic())
    runtime.carrier.callers.attach(life, caller)
    runtime.carrier.callers.hold_one(life, caller, 5 * SECOND)
    runtime.later(2 * SECOND)
    assert (first.status, second.status) == (409, 0)
    assert "caller_waits" not in runtime.journal.tags, "somebody still waits"
    runtime.later(3 * SECOND)
    assert second.status == 409
    assert runtime.journal.tags.count("caller_waits") == 1


def test_a_held_stream_is_opened_after_a_while_and_kept_alive() -> None:
    runtime, _, line = waiting(AUTO, stream=True)
    runtime.later(24 * SECOND)
    assert line.status == 0
    runtime.later(1 * SECOND)
    assert line.status == 200
    assert line.content_type.startswith("text/event-stream")
    assert line.headers["x-orchvynt-invocation"] == "inv_1"
    before = line.body
    runtime.later(KEEP_ALIVE_NS)
    assert len(line.body) > len(before)
    assert b"data:" not in line.body, "comments only: nothing of the answer"


def test_a_held_stream_that_is_refused_ends_with_an_error_event() -> None:
    runtime, life, line = waiting(AUTO, stream=True)
    runtime.later(25 * SECOND)
    runtime.carrier.callers.refuse(life, Fault("review_rejected", "no"))
    assert line.ended == "aborted"
    assert b"review_rejected" in line.body
    assert DONE not in line.body


def test_a_slow_caller_pauses_the_provider_and_resumes_it() -> None:
    runtime = Runtime(snapshot())
    _, line = runtime.ask(invocation(stream=True))
    runtime.last.begins()
    runtime.last.streams(STREAM[0])
    assert line.on_full is not None
    assert line.on_drained is not None
    line.on_full()
    assert runtime.last.call.paused
    line.on_drained()
    assert not runtime.last.call.paused


def test_one_line_that_fails_is_cut_and_the_others_still_hear(capsys: pytest.CaptureFixture[str]) -> None:
    class Failing(FakeLine):
        def answer(self, *said: object, **more: object) -> None:
            raise ValueError("a defect")

    runtime, life, first = waiting(SHORT)
    failing = Failing()
    life.callers.clear()
    for line in (failing, first):
        runtime.carrier.callers.attach(life, Caller(line, "asked", "", runtime.clock.monotonic()))
    runtime.carrier.callers.refuse(life, Fault("overloaded", "words"))
    assert (failing.ended, first.status) == ("aborted", 503)
    assert "a defect" in capsys.readouterr().err


def test_the_tightest_budget_is_the_one_that_is_told() -> None:
    runtime = Runtime(snapshot())
    life = Life(snapshot(), State(invocation()), 0)
    assert runtime.carrier.callers.remaining(life) == ("", False)
    wide = line_of("wide", nanos=10_000_000_000)
    tight = line_of("tight", tokens=100)
    life.lines = (wide, tight)
    runtime.ledger.open(wide.key).settled_nanos = 5_000_000_000
    assert runtime.carrier.callers.remaining(life) == ("wide;usd=5", False)
    runtime.ledger.open(tight.key).settled_tokens = 60
    runtime.ledger.open(tight.key).held_tokens = 19
    assert runtime.carrier.callers.remaining(life) == ("tight;tokens=21", False)
    runtime.ledger.open(tight.key).held_tokens = 20
    assert runtime.carrier.callers.remaining(life) == ("tight;tokens=20", True)
    runtime.ledger.open(tight.key).settled_tokens = 500
    assert runtime.carrier.callers.remaining(life) == ("tight;tokens=0", True)
