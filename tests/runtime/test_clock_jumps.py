"""A wall clock that was set is noticed, and one that was set forward is doubted: it may be set back."""

import pytest
from tests.support.answers import WHOLE
from tests.support.carrying import Runtime
from tests.support.clock import FakeClock
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.language.snapshot import Budget, Limits
from orchvynt.runtime.clock_jumps import DOUBT_NS, ClockJumps

HOUR = 3_600 * SECOND


def test_what_is_surely_over_waits_for_a_day_after_a_jump_forward(capsys: pytest.CaptureFixture[str]) -> None:
    clock = FakeClock()
    jumps = ClockJumps(clock)
    start = clock.now()
    for moved, wanted in ((0, 0), (24 * HOUR, 0), (-24 * HOUR, 0), (-HOUR, -HOUR), (3 * HOUR, 0)):
        clock.jump(moved)
        jumps.look()
        assert jumps.surely() - start == wanted, moved
    clock.advance(DOUBT_NS - 1)
    assert jumps.surely() == start + DOUBT_NS - 1
    clock.advance(1)
    assert jumps.surely() == clock.now() == start + 2 * HOUR + DOUBT_NS, "what lasted for a day is believed"
    assert capsys.readouterr().err.count("the clock jumped") == 4


@pytest.mark.parametrize("away_s", [3_600, 86_400])
def test_a_clock_that_is_set_forward_and_back_makes_no_window_new(away_s: int) -> None:
    runtime = Runtime(snapshot(tiers=(), budgets=(Budget("b", "global", None, "hour", Limits(None, 100_000)),)))
    runtime.ask(invocation())
    runtime.last.answers(WHOLE)
    ledger = runtime.carrier.admitting.ledger

    def spent() -> list[int]:
        return [account.settled_tokens for _, account in ledger.entries()]

    (before,) = spent()
    assert before
    for step in (away_s, -away_s):
        runtime.clock.jump(step * SECOND)
        runtime.sweeping.tick(20)
        assert spent() == [before]
    runtime.clock.advance(HOUR)
    runtime.sweeping.tick(20)
    assert spent() == [], "what is over is dropped, as ever"
