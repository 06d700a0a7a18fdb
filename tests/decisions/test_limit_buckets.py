"""Buckets of many subjects: what is full again is forgotten, what runs is not, and there are never too many."""

from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.limits.buckets import Bucket, Buckets
from orchvynt.language.snapshot import RateLimit

MINUTE = 60_000_000_000
LIMIT = RateLimit("r", "run", None, MINUTE, invocations=60, tokens=600)


def used(buckets: Buckets, subject: str, now: int, calls: int = 1) -> Bucket:
    bucket = buckets.get(subject, now)
    bucket.calls += calls * MINUTE
    buckets.keep(subject, bucket, now)
    return bucket


def test_a_bucket_that_nothing_was_put_into_is_not_kept() -> None:
    buckets = Buckets(LIMIT)
    assert buckets.get("a", 5).at == 5
    assert not buckets.entries


def test_time_never_runs_backwards() -> None:
    buckets = Buckets(LIMIT)
    bucket = used(buckets, "a", 1_000)
    level = bucket.calls
    assert buckets.get("a", 10).calls == level
    assert bucket.at == 1_000


def test_what_a_limit_no_longer_bounds_is_forgotten() -> None:
    bucket = used(Buckets(LIMIT), "a", 0)
    bucket.tokens = 5
    bucket.leak(RateLimit("r", "run", None, MINUTE, concurrent=1), 1)
    assert (bucket.calls, bucket.tokens) == (0, 0)


def test_those_that_are_full_again_make_room_for_new_ones() -> None:
    buckets = Buckets(LIMIT)
    for number in range(1_000):
        # A second for each: that is how long one of sixty a minute takes.
        used(buckets, f"run-{number}", number * MINUTE // 60)
    assert len(buckets.entries) <= 3
    assert [subject for subject, _ in buckets.in_use(1_000 * MINUTE)] == []


def test_a_crowd_is_bounded_and_what_runs_stays() -> None:
    buckets = Buckets(LIMIT, most=10)
    running = used(buckets, "running", 0)
    running.running = 1
    for number in range(100):
        used(buckets, f"run-{number}", 0, calls=60)
    assert len(buckets.entries) <= 11
    assert buckets.entries["running"] is running
    assert "run-99" in buckets.entries


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, MINUTE)), max_size=200))
def test_a_crowd_is_bounded_whatever_comes(asked: list[tuple[int, int]]) -> None:
    buckets, now = Buckets(LIMIT, most=5), 0
    for subject, gap in asked:
        now += gap
        used(buckets, str(subject), now)
        assert len(buckets.entries) <= 6
