"""Measured quality: declared while nothing is known, slow to believe praise, quick to hear blame, and right in the end."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.snapshots import OPENAI

from orchvynt.decisions.routing.quality import MODELS_MAX, SCORES_KEPT, Scores, blended, lower_bound
from orchvynt.language.snapshot import Model

MODEL = Model("m", OPENAI, "m", None, 0.8, {"classification": 0.9})


def scored(scores: list[float], workload: str = "") -> Scores:
    made = Scores()
    for score in scores:
        made.add("openai", "m", workload, score)
    return made


def test_the_bound_is_that_of_wilson() -> None:
    """Against the interval's own equation: `(p - L)² = z²·L(1 - L)/n`."""
    for count, total in ((1, 1.0), (10, 7.0), (100, 93.5), (1000, 12.0)):
        low, mean = lower_bound(count, total), total / count
        assert 0 <= low <= mean
        assert math.isclose((mean - low) ** 2, 1.6448536269514722**2 * low * (1 - low) / count, rel_tol=1e-9)
    assert (lower_bound(0, 0.0), lower_bound(50, 0.0)) == (0.0, 0.0)


def test_nothing_said_is_the_declared_value() -> None:
    assert scored([]).quality(MODEL, "") == 0.8
    assert scored([]).quality(MODEL, "classification") == 0.9
    assert scored([]).quality(Model("x", OPENAI, "x", None), "") is None


@pytest.mark.parametrize("count", range(5))
def test_without_a_declared_value_few_scores_say_nothing(count: int) -> None:
    assert blended(None, count, float(count)) is None
    assert blended(None, 5, 5.0) == lower_bound(5, 5.0)


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 1), st.lists(st.floats(0, 1), min_size=1, max_size=100))
def test_praise_never_lowers_and_blame_never_raises(declared: float, scores: list[float]) -> None:
    count, total = len(scores), math.fsum(scores)
    found = blended(declared, count, total)
    assert found is not None
    mean = total / count
    assert lower_bound(count, total) <= found
    assert min(mean, declared) - 1e-9 <= found <= max(mean, declared) + 1e-9
    if mean >= declared:
        assert found >= declared - 1e-9
    else:
        assert found <= declared + 1e-9


def test_in_the_end_it_is_what_callers_say() -> None:
    for mean in (0.1, 0.5, 0.95):
        assert abs((blended(0.7, 100_000, mean * 100_000) or 0) - mean) < 0.005


def test_a_workload_with_its_own_declaration_counts_apart() -> None:
    made = scored([0.0] * 30, "classification")
    assert made.quality(MODEL, "") == 0.8
    assert made.quality(MODEL, "classification") == pytest.approx(9 / 40)
    for _ in range(30):
        made.add("openai", "m", "whatever", 0.0)
    assert made.quality(MODEL, "synthesis") == pytest.approx(8 / 40)
    assert made.quality(MODEL, "classification") == pytest.approx(9 / 40)


def test_the_newest_count() -> None:
    made = scored([0.0] * 100 + [1.0] * SCORES_KEPT)
    assert made.of(MODEL, "") == (SCORES_KEPT, SCORES_KEPT)


def test_memory_is_bounded() -> None:
    made = scored([1.0] * 10)
    for number in range(MODELS_MAX):
        made.add("openai", f"x{number}", "", 0.5)
    assert made.quality(MODEL, "") == 0.8
