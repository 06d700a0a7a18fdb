"""The simulation is worth what it finds: each planted bug breaks the rule that is there for it, within a few seeds."""

import pytest
from tests.simulation.planted import PLANTED, Planted
from tests.simulation.playing import play
from tests.simulation.process import Rules

SEEDS_MOST = 60


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", PLANTED, ids=[bug.name for bug in PLANTED])
def test_a_planted_bug_is_found(bug: Planted) -> None:
    rules = Rules()
    for seed in range(SEEDS_MOST):
        if any(broken.rule == bug.caught_by for broken in play(seed, rules, bug).violations):
            return
    pytest.fail(f"no seed below {SEEDS_MOST} breaks `{bug.caught_by}`")


def test_there_are_enough_of_them() -> None:
    assert len({bug.name for bug in PLANTED}) == len(PLANTED) >= 10
