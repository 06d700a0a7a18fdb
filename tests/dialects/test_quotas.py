"""What providers' headers say of their own limits: read strictly, bounded, and never a failure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.dialects.quotas import QUOTA_REST_NS_MAX, REMAINING, quota_rest_ns, reset_ns

SECOND = 1_000_000_000
MS = 1_000_000
AT = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z


def heads(**fields: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]


@pytest.mark.parametrize(
    ("value", "nanos"),
    [
        ("6m0s", 360 * SECOND),
        ("20ms", 20 * MS),
        ("1s", SECOND),
        ("8.64s", 8_640 * MS),
        ("2m59.56s", 179_560 * MS),
        ("1h12m3s", 4_323 * SECOND),
        ("1d2h", 93_600 * SECOND),
        ("1s20ms", 1_020 * MS),
        ("12", 12 * SECOND),
        ("0.5", SECOND // 2),
        (" 3s ", 3 * SECOND),
        ("2026-01-01T00:00:30Z", 30 * SECOND),
        ("2026-01-01T01:00:30+01:00", 30 * SECOND),
        ("2026-01-01t00:00:30.5z", 30 * SECOND),
        ("2025-12-31T23:59:59Z", 0),
        ("9999-12-31T23:59:59Z", 0),
        ("2026-13-01T00:00:00Z", 0),
        ("1767225700", 0),
        ("999d", 0),
        ("99999999999s", 0),
        ("-5s", 0),
        ("5", 5 * SECOND),
        ("5x", 0),
        ("s", 0),
        ("", 0),
        ("1s; drop", 0),
        ("٣s", 0),
        ("NaN", 0),
        ("inf", 0),
        ("1e9", 0),
    ],
)
def test_a_reset(value: str, nanos: int) -> None:
    assert reset_ns(value, AT) == nanos


@pytest.mark.parametrize(
    ("value", "nothing"), [("0", True), (" 00 ", True), ("1", False), ("10", False), ("", False), ("-0", False), ("0.5", False)]
)
def test_zero_is_nothing_left(value: str, nothing: bool) -> None:
    said = heads(x_ratelimit_remaining_requests=value, x_ratelimit_reset_requests="1s")
    assert quota_rest_ns(said, AT) == (SECOND if nothing else 0)


def test_the_last_of_those_that_are_used_up_counts() -> None:
    said = heads(
        x_ratelimit_remaining_requests="0",
        x_ratelimit_reset_requests="20s",
        x_ratelimit_remaining_tokens="0",
        x_ratelimit_reset_tokens="40s",
    )
    assert quota_rest_ns(said, AT) == 40 * SECOND
    said[2] = (said[2][0], b"7")
    assert quota_rest_ns(said, AT) == 20 * SECOND
    assert quota_rest_ns(said[1:], AT) == 0


def test_anthropics_instants() -> None:
    for what in ("requests", "tokens", "input-tokens", "output-tokens"):
        said = [
            (f"anthropic-ratelimit-{what}-remaining".encode(), b"0"),
            (f"anthropic-ratelimit-{what}-reset".encode(), b"2026-01-01T00:00:09Z"),
        ]
        assert quota_rest_ns(said, AT) == 9 * SECOND


def test_without_a_reset_the_wait_that_is_asked_for_counts() -> None:
    assert quota_rest_ns(heads(x_ratelimit_remaining_requests="0", retry_after="7"), AT) == 7 * SECOND
    assert quota_rest_ns(heads(x_ratelimit_remaining_requests="0"), AT) == 0
    assert quota_rest_ns(heads(retry_after="7"), AT) == 0, "something is left, as far as anybody knows"


def test_a_hint_is_believed_for_ten_minutes_at_most() -> None:
    assert quota_rest_ns(heads(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="23h"), AT) == QUOTA_REST_NS_MAX


def test_of_a_field_that_is_there_twice_the_first_counts() -> None:
    twice = heads(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="20s")
    assert quota_rest_ns([*twice, (b"x-ratelimit-remaining-requests", b"5")], AT) == 20 * SECOND


ANY = st.lists(
    st.tuples(
        st.sampled_from([*REMAINING, *REMAINING.values(), b"retry-after", b"retry-after-ms"]),
        st.binary(max_size=80) | st.from_regex(rb"[0-9]{0,20}(ms|s|m|h|d|\.)?[0-9]{0,12}(ms|s)?", fullmatch=True) | st.just(b"0"),
    ),
    max_size=12,
)


@given(ANY)
def test_whatever_comes_it_is_bounded(headers: list[tuple[bytes, bytes]]) -> None:
    assert 0 <= quota_rest_ns(headers, AT) <= QUOTA_REST_NS_MAX


@given(st.text(max_size=70))
def test_any_text_is_bounded(value: str) -> None:
    assert 0 <= reset_ns(value, AT) <= 7 * 86_400 * SECOND
