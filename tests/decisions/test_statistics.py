"""Sliding windows: percentiles within their stated error and honest about few samples, error rates, bounded memory."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from orchvynt.decisions.routing import statistics as s
from orchvynt.decisions.routing.measured import Measured
from orchvynt.decisions.routing.statistics import RELATIVE_ERROR_MAX, SLOT_NS, SLOTS, UNMEASURED, Statistics
from orchvynt.model.usage import Usage

MS = 1_000_000
WINDOW = SLOT_NS * SLOTS


def seen(latencies: list[int], now: int = 0) -> Measured:
    made = Statistics()
    for latency in latencies:
        made.answered("p", "m", latency, None, now)
    return made.measured("p", "m", now)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1 * MS, 3_000_000 * MS), min_size=1, max_size=300))
def test_percentiles_are_those_of_the_samples_within_the_stated_error(latencies: list[int]) -> None:
    measured = seen(latencies)
    ordered = sorted(latencies)
    for percent, needed, found in ((50, 5, measured.p50_ms), (95, 20, measured.p95_ms), (99, 100, measured.p99_ms)):
        if len(latencies) < needed:
            assert found is None, f"p{percent} of {len(latencies)}"
            continue
        exact = ordered[math.ceil(len(ordered) * percent / 100) - 1] / MS
        assert found is not None
        assert abs(found - exact) <= exact * RELATIVE_ERROR_MAX + 0.001
    assert measured.samples == len(latencies)


def test_what_is_shorter_than_the_least_and_longer_than_the_most_is_kept_at_the_edge() -> None:
    assert seen([1] * 5).p50_ms == 1
    longest = seen([10**15] * 5).p50_ms
    assert longest is not None
    assert longest > 3_000_000


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2 * WINDOW), st.integers(1, 10_000)), max_size=120), st.integers(0, WINDOW))
def test_the_window_holds_what_is_younger_than_five_minutes(events: list[tuple[int, int]], later: int) -> None:
    made = Statistics()
    events = sorted(events)
    for at, ms in events:
        made.answered("p", "m", ms * MS, None, at)
    now = (events[-1][0] if events else 0) + later
    left = [ms * MS for at, ms in events if at // SLOT_NS > now // SLOT_NS - SLOTS]
    assert made.measured("p", "m", now) == (seen(left) if left else UNMEASURED)


def test_an_error_rate_needs_enough_calls() -> None:
    made = Statistics()
    for number in range(s.CALLS_NEEDED):
        assert made.measured("p", "m", 0).error_rate is None
        if number % 4:
            made.answered("p", "m", MS, None, 0)
        else:
            made.failed("p", "m", "server_error", MS, 0)
    assert made.measured("p", "m", 0).error_rate == 0.25


def test_what_is_not_the_providers_fault_is_no_sample() -> None:
    made = Statistics()
    for outcome in ("bad_request", "content_filter", "context_length", "policy"):
        made.failed("p", "m", outcome, MS, 0)
    assert made.measured("p", "m", 0) == UNMEASURED


def test_a_timeout_took_at_least_so_long_and_a_quick_error_says_nothing_of_speed() -> None:
    made = Statistics()
    for _ in range(10):
        made.failed("p", "m", "timeout", 15_000 * MS, 0)
        made.failed("p", "m", "server_error", MS, 0)
    measured = made.measured("p", "m", 0)
    assert measured.p50_ms is not None
    assert 14_600 < measured.p50_ms < 15_400
    assert (measured.error_rate, measured.p95_ms) == (1.0, None)


def test_a_slow_reader_is_no_latency() -> None:
    made = Statistics()
    for _ in range(30):
        made.answered("p", "m", 0, None, 0)
    assert made.measured("p", "m", 0) == Measured(30, error_rate=0.0)


def test_tokens_are_means_of_what_is_known() -> None:
    made = Statistics()
    for number in range(s.CALLS_NEEDED):
        assert made.measured("p", "m", 0).output_tokens is None
        made.answered("p", "m", MS, None, 0)
        made.answered("p", "m", MS, Usage(100, 10 + number, 40), 0)
    measured = made.measured("p", "m", 0)
    assert (measured.input_tokens, measured.cached_input_tokens, measured.output_tokens) == (100, 40, 19)


def test_memory_is_bounded_and_the_idle_go_first() -> None:
    made = Statistics()
    made.answered("p", "old", MS, None, 0)
    for number in range(s.MODELS_MAX):
        made.answered("p", f"m{number}", MS, None, SLOT_NS)
    assert made.measured("p", "old", SLOT_NS).samples == 0
    assert made.measured("p", "m0", SLOT_NS).samples == 1


def test_models_of_one_name_at_two_providers_are_two() -> None:
    made = Statistics()
    made.answered("p", "m", MS, None, 0)
    assert made.measured("q", "m", 0) == UNMEASURED


def test_what_is_said_is_never_older_than_a_fiftieth_of_the_samples() -> None:
    made = Statistics()
    for number in range(1_000):
        made.answered("p", "m", MS, None, 0)
        samples = made.measured("p", "m", 0).samples
        assert number + 1 - samples <= samples / s.FRESH
        if number < s.FRESH:
            assert samples == number + 1
