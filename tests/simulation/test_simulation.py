"""CI's share of the seeds: no rule of the auditor is broken, and what the seeds have to reach is reached in each half of them."""

from collections import Counter
from typing import Final

import pytest
from tests.simulation.draw import CROWD_EVERY, SQLITE_EVERY, draw
from tests.simulation.playing import play
from tests.simulation.process import Rules
from tests.simulation.trace import trace

SEEDS: Final = 150

# What 150 seeds reach at the least, a fraction of what they did when this was written.
REACHED_LEAST: Final = {
    "lives": 200, "kills": 50, "calls": 3_000, "arrivals": 2_000, "outages": 10, "full disks": 10, "provider faults": 500,
    "hold placed": 2_000, "hold awaited": 300, "let in after a wait": 50, "waited in vain": 50, "hold voided": 50, "output limited": 50,
    "settled as reported": 1_000, "settled at an estimate": 200, "settled after a crash": 50, "interrupted": 50, "overrun": 10,
    "candidate skipped": 500, "refused with 402": 300, "condition failed": 3, "refused for a full disk": 20,
    "hold in a later window": 30, "policy applied": 20, "answered again": 10, "rescued": 1,
    "death: drain": 10, "death: kill append:before": 3, "death: kill append:after": 3, "death: kill send:before": 3,
    "death: kill send:after": 3, "death: kill answer": 3, "death: kill data": 1, "death: kill store": 1, "death: kill time": 3,
    "heard: reset 0": 50, "heard: left 0": 30, "heard: aborted 200": 10, "heard: ended 200": 500, "heard: answered 200": 500,
    "bill: whole": 1_000, "bill: cut": 10, "bill: gone": 50, "bill: reset": 5, "bill: stalled": 10, "bill: silent": 5, "bill: unseen": 20,
    "edge: admitting × Admitted": 1_000, "edge: admitting × HoldsAwaited": 300, "edge: admitting × NotAdmitted": 500,
    "edge: admitting × CallerGone": 5, "edge: attempting × AnswerArrived": 500, "edge: attempting × StreamStarted": 500,
    "edge: attempting × AttemptFailed": 100, "edge: attempting × CallerGone": 50, "edge: streaming × StreamEnded": 500,
    "edge: streaming × AttemptFailed": 10, "edge: backing_off × BackoffElapsed": 50,
}  # fmt: skip


@pytest.mark.timeout(900)  # Tens of seconds of work, on a machine that may be busy.
@pytest.mark.parametrize("first", [0, SEEDS])
def test_no_seed_breaks_a_rule_and_together_they_reach_what_they_must(first: int) -> None:
    rules, counted = Rules(), Counter[str]()
    for seed in range(first, first + SEEDS):
        played = play(seed, rules)
        told = [f"{one.rule}: {one.text}" for one in played.violations]
        assert not told, f"seed {seed} (repeat it: make simulate ARGS='--seed {seed}'): {told[0]}"
        counted += played.counted
    assert {name: counted[name] for name, least in REACHED_LEAST.items() if counted[name] < least} == {}


def test_a_seed_is_the_same_each_time() -> None:
    """In memory and on disk: else a failure could not be repeated."""
    for seed in (3, 8, SQLITE_EVERY // 2, CROWD_EVERY - 1):
        first, again = (list(trace(draw(seed), play(seed, Rules()).timeline)) for _ in range(2))
        assert first == again
